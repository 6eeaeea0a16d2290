/** Whether what somebody else has written, a file or a runtime, is a pid: a pid_t has 32 bits with its sign. */
export function isPid(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31;
}
