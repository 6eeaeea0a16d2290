/** Whether a value from a file or a runtime is a pid: a positive integer that fits into the 32 bits of a pid_t. */
export function isPid(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31;
}
