/** Beside the user only the group may read what a container says; Docker has the same mode. */
export const logMode = 0o640;
