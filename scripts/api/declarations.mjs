/**
 * Reads the declarations (.d.ts) that an entry point of the package exports. What tsc emits is regular: a statement begins in
 * the first column, and its other lines begin with a space or a brace.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The exports of an entry point, in its order: of each its `name`, `kind`, `path`, doc comment and text, and in `uses` the
 * declarations that the text names.
 */
export function readEntry(path) {
  const modules = new Map();
  const moduleAt = (at) => {
    if (!modules.has(at)) modules.set(at, readModule(at));
    return modules.get(at);
  };
  const find = (at, name) => {
    const { imports, declarations } = moduleAt(at);
    const imported = imports.get(name);
    return imported === undefined ? declarations.get(name) : imported.path && find(imported.path, imported.name);
  };
  return readExports(path).map(({ name, from }) => {
    const declaration = find(from, name);
    if (declaration === undefined) throw new Error(`${path} exports ${name}, which ${from} does not declare`);
    const uses = namesIn(declaration.text)
      .filter((used) => used !== declaration.name)
      .map((used) => find(declaration.path, used))
      .filter((used) => used !== undefined);
    return Object.assign({ uses }, declaration);
  });
}

/** What the entry point's declarations name and it does not export, as `name of file, named by name`. */
export function forgottenExports(path) {
  const entries = readEntry(path);
  const exported = new Set(entries.map(keyOf));
  return entries.flatMap((entry) =>
    entry.uses
      .filter((used) => !exported.has(keyOf(used)))
      .map((used) => `${used.name} of ${used.path}, named by ${entry.name}`),
  );
}

/** The code of `@example` in a doc comment, and the rest of the comment. */
export function exampleOf(doc) {
  const [tag, code] = /\n*@example\n```js\n([^]*?)\n```/.exec(doc) ?? [];
  return { code, rest: tag === undefined ? doc : doc.replace(tag, '').trim() };
}

function keyOf({ path, name }) {
  return `${path} ${name}`;
}

function readExports(path) {
  const lines = readFileSync(path, 'utf8').matchAll(/^export (?:type )?\{([^}]*)\} from '(.+)\.js';$/gm);
  return [...lines].flatMap(([, names, from]) =>
    listOf(names).map((name) => ({ name, from: join(dirname(path), `${from}.d.ts`) })),
  );
}

function readModule(path) {
  const imports = new Map();
  const declarations = new Map();
  const statements = readFileSync(path, 'utf8').matchAll(
    /^(\/\*\*[^]*?\*\/\n)?((?:import|export|declare|interface|type)\b.*(?:\n[ }].*)*)/gm,
  );
  for (const [, comment = '', text] of statements) {
    const [, names, from] = /^import (?:type )?\{([^}]*)\} from '(.+)';$/.exec(text) ?? [];
    if (names !== undefined) {
      const target = from.startsWith('.') ? join(dirname(path), from.replace(/\.js$/, '.d.ts')) : undefined;
      for (const it of listOf(names)) {
        const [name, alias = name] = it.split(' as ');
        imports.set(alias, { path: target, name });
      }
    } else {
      const [, kind, name] =
        /^(?:export )?(?:declare )?(interface|type|(?:abstract )?class|function|const|let|enum|namespace) (\w+)/.exec(
          text,
        ) ?? [];
      // A constant may have the name of the type of its values.
      if (name === undefined || (kind === 'const' && declarations.has(name))) continue;
      declarations.set(name, { path, name, kind, doc: docOf(comment), text: withoutProtected(text) });
    }
  }
  return { imports, declarations };
}

/** Only a subclass sees protected members, and the classes are not for subclassing. */
function withoutProtected(text) {
  return text.replace(/^( {4}\/\*\*(?:(?!\*\/)[^])*\*\/\n)? {4}protected .*\n/gm, '');
}

function listOf(names) {
  return names
    .split(',')
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== '');
}

/** The identifiers that may be types or values: no names of properties, parameters or methods. */
function namesIn(text) {
  const code = text.replace(/\/\*[^]*?\*\//g, '').replace(/'[^']*'|"[^"]*"/g, "''");
  const names = code.matchAll(/(?<![.\w$#])([A-Za-z_$][\w$]*)(?!\??:|[\w$(<]*\()/g);
  return [...new Set([...names].map(([, name]) => name))];
}

function docOf(comment) {
  return comment
    .replace(/^\/\*\*|\*\/\s*$/g, '')
    .split('\n')
    .map((line) => line.replace(/^ *\* ?/, '').trimEnd())
    .join('\n')
    .trim();
}
