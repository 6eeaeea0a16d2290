/**
 * Writes docs/api.md to stdout, from the declarations that tsc made of the entry points (`make docs`).
 *
 * Usage: node scripts/api/docs.mjs DIRECTORY, where DIRECTORY has src/index.d.ts and src/log/index.d.ts
 */
import { join, relative } from 'node:path';
import { exampleOf, readEntry } from './declarations.mjs';

const directory = process.argv[2] ?? '.';

/** By the folder of src that an export comes from. */
const rooms = {
  os: 'Consoles, FIFOs and processes',
  stdio: 'Copying',
  runtime: 'OCI runtimes',
  task: 'Containers',
  terminal: 'Attaching a terminal',
  log: 'Logs',
  native: 'Logs',
  errors: 'Errors',
};

const library = readEntry(join(directory, 'src/index.d.ts'));
const logs = readEntry(join(directory, 'src/log/index.d.ts'));
const names = new Set(library.map(({ name }) => name));

process.stdout.write(`# API

Made from the doc comments by \`make docs\`: change those, not this file. The package has two entry points:
[\`termshim\`](#termshim) and [\`termshim/log\`](#termshimlog). Everything else in it is private.

- Times are milliseconds and end in \`Ms\`, sizes are bytes and end in \`Bytes\`. A \`Size\` is in character cells.
- What a function "takes over" it closes; everything else stays yours to close.
- Errors are of the class \`TermshimError\`. Match on its \`code\`: [errors.md](errors.md) explains each.

## termshim

${[...new Set(Object.values(rooms))].map(section).join('\n')}
## termshim/log

Logs alone, without the rest of the library. \`ErrorCode\`, \`errorCodes\`, \`LogFormat\`, \`LogOptions\`, \`TermshimError\` and
\`TermshimErrorOptions\` are the same as in \`termshim\`.

${logs
  .filter(({ name }) => !names.has(name))
  .map(entry)
  .join('\n')}`);

function section(title) {
  const entries = library.filter(({ path }) => rooms[relative(join(directory, 'src'), path).split('/')[0]] === title);
  return `### ${title}\n\n${entries.map(entry).join('\n')}`;
}

/** Functions and classes have a heading of their own; the types that they name stand between them. */
function entry({ name, doc, text }) {
  const { code, rest } = exampleOf(doc);
  const example = code === undefined ? '' : `Example:\n\n\`\`\`js\n${code}\n\`\`\`\n\n`;
  return `#### ${name}\n\n${prose(rest)}\n\n\`\`\`ts\n${signature(text)}\n\`\`\`\n\n${example}`;
}

function prose(doc) {
  return doc
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/^@param (\w+) /gm, '- `$1`: ')
    .replace(/^@returns /gm, '- Returns ');
}

/** Without what only the compiler needs. */
function signature(text) {
  return text
    .replace(/^export (declare )?/, '')
    .replace(/^ {4}(?:#private|private constructor\(.*\));\n/gm, '')
    .replace(/^ {4}get (\w+)\(\)/gm, '    readonly $1')
    .replace(/^( {4})+/gm, (indent) => indent.replaceAll('    ', '  '));
}
