/** Converts between bytes and hexadecimal text. */

/** The bytes of hexadecimal digits; spaces part them where it helps to read. */
export function fromHex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
