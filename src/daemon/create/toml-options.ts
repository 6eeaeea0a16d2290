/** Reads runtime options in TOML: a table of containerd's configuration, or a file that the configuration names. */
import { parse } from 'smol-toml';
import * as v from 'valibot';
import { Options } from '../../ttrpc/gen/containerd/runc-options.js';
import { message } from '../../ttrpc/message.js';

/** The longest text that is parsed. A table has some hundred bytes. */
export const maxTomlBytes = 64 * 1024;

/** How deep tables may be nested. No option needs a nested table. */
const maxDepth = 16;

/**
 * The names are those of containerd's options for runc, as in its documentation (`BinaryName`) or in its messages
 * (`binary_name`). Throws if the text is too long or is not TOML, and if an option is unknown or has a wrong value.
 */
export function optionsFromToml(toml: Uint8Array): Options {
  if (toml.length > maxTomlBytes) throw new Error(`longer than ${maxTomlBytes} bytes`);
  const table = parseToml(new TextDecoder('utf-8', { fatal: true }).decode(toml));
  const fields: Partial<Options> = {};
  for (const [name, value] of Object.entries(table)) {
    const key = plain(name);
    if (aboutItself.has(key)) continue;
    const option = options[key];
    if (option === undefined) throw new Error(`unknown option ${JSON.stringify(name)}`);
    const result = v.safeParse(option.schema, value);
    if (!result.success) throw new Error(`${name} is not ${option.kind}`);
    Object.assign(fields, { [option.field]: result.output });
  }
  return message(Options, fields);
}

/** The first line of the parser's message is the reason. Further lines draw the position in the text. */
function parseToml(text: string): Record<string, unknown> {
  try {
    return parse(text, { maxDepth });
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new Error(`not TOML: ${reason}`, { cause: error });
  }
}

const plain = (name: string): string => name.toLowerCase().replaceAll('_', '');

/** Fields of the message itself. If they are in containerd's table, containerd repeats them in the TOML. */
const aboutItself = new Set(['typeurl', 'configpath', 'configbody']);

const kinds = {
  string: { schema: v.string(), kind: 'a string' },
  boolean: { schema: v.boolean(), kind: 'true or false' },
  id: { schema: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff)), kind: 'a number of 32 bits' },
};

type Kind = (typeof kinds)[keyof typeof kinds];

const fieldKinds: Readonly<Partial<Record<keyof Options, Kind>>> = {
  noPivotRoot: kinds.boolean,
  noNewKeyring: kinds.boolean,
  shimCgroup: kinds.string,
  ioUid: kinds.id,
  ioGid: kinds.id,
  binaryName: kinds.string,
  root: kinds.string,
  systemdCgroup: kinds.boolean,
  criuImagePath: kinds.string,
  criuWorkPath: kinds.string,
};

const options: Readonly<Record<string, Kind & { field: string }>> = Object.assign(
  Object.create(null),
  Object.fromEntries(Object.entries(fieldKinds).map(([field, kind]) => [plain(field), { ...kind, field }])),
);
