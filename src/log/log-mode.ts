/** Besides the user, only the group may read the output of a container. Docker has the same mode. */
export const logMode = 0o640;
