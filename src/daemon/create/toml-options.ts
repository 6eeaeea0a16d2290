/** A table of options for our runtime in containerd's configuration, or a file that stands for it. */
import { parse } from 'smol-toml';
import * as v from 'valibot';
import { Options } from '../../ttrpc/gen/containerd/runc-options.js';
import { message } from '../../ttrpc/message.js';

/** Of what is parsed. A table has some hundred bytes. */
export const maxTomlBytes = 64 * 1024;

/** No option is a table in a table. */
const maxDepth = 16;

/**
 * The names are those of containerd's for runc, as its documentation writes them (`BinaryName`) or as its messages do
 * (`binary_name`). Throws for what is too long, no TOML, of another kind or of no meaning here.
 */
export function optionsFromToml(toml: Uint8Array): Options {
  if (toml.length > maxTomlBytes) throw new Error(`longer than ${maxTomlBytes} bytes`);
  const table = parseToml(new TextDecoder('utf-8', { fatal: true }).decode(toml));
  const fields: Partial<Options> = {};
  for (const [name, value] of Object.entries(table)) {
    const key = plain(name);
    if (aboutItself.has(key)) continue;
    const option = options[key];
    if (option === undefined) throw new Error(`there is no option ${JSON.stringify(name)}`);
    const result = v.safeParse(option.schema, value);
    if (!result.success) throw new Error(`${name} is not ${option.kind}`);
    Object.assign(fields, { [option.field]: result.output });
  }
  return message(Options, fields);
}

/** The words of the parser have a drawing of the place on further lines. */
function parseToml(text: string): Record<string, unknown> {
  try {
    return parse(text, { maxDepth });
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new Error(`not TOML: ${reason}`, { cause: error });
  }
}

const plain = (name: string): string => name.toLowerCase().replaceAll('_', '');

/** Where containerd has found a message's own fields in its table, it hands them over there too. */
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
