/** `termshim web`: serves the sessions to a browser. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { connectDaemon } from '../../../client/daemon-connection.js';
import { TermshimError } from '../../../errors/errors.js';
import { packageRoot } from '../../../package.js';
import { serveWeb } from '../../../web/serve.js';
import { onEndSignal, printLine } from '../../output/exit.js';

export function command(): Command {
  return new Command()
    .addOption(
      new Option('--listen <address>', 'the address of the server; port 0 is any free port')
        .argParser(parseListen)
        .default({ host: '127.0.0.1', port: 0 }, '127.0.0.1:0'),
    )
    .addOption(
      new Option('--format <format>', 'print the URL as text, or as JSON').choices(['text', 'json']).default('text'),
    )
    .addHelpText('after', example)
    .action(web);
}

const example = `
Prints a URL that opens the page once. Serves the page until ^C, or until the
daemon ends. The page can type into every session. The server uses plain HTTP:
anyone who can read the traffic can do the same. So use an address other than
loopback only in a network that you trust.

Examples:
  $ termshim web
  http://127.0.0.1:40123/#token=...
  $ termshim web --listen 127.0.0.1:8080
`;

interface Listen {
  host: string;
  port: number;
}

async function web({ listen, format }: { listen: Listen; format: string }): Promise<void> {
  using daemon = await connectDaemon({ start: false });
  const ended = new AbortController();
  const server = await serveWeb({ daemon, ...listen, files: join(packageRoot, 'dist/web') });
  const stop = onEndSignal(() => ended.abort());
  if (!isLoopback(listen.host))
    process.stderr.write(
      'termshim: warning: the address is not loopback: anyone who can read the traffic can type into every session\n',
    );
  try {
    printLine(format === 'json' ? JSON.stringify({ url: server.url }) : server.url);
    const signalled = new Promise<void>((resolve) => ended.signal.addEventListener('abort', () => resolve()));
    await Promise.race([signalled, daemon.closed]);
  } finally {
    stop();
    await server.close();
  }
  if (!ended.signal.aborted) throw new TermshimError('ERR_NO_DAEMON', 'the daemon has ended, so the page is closed');
}

function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || host === 'localhost';
}

/** Parses `127.0.0.1:8080`, `[::1]:0`, `:8080`, `8080`. */
function parseListen(text: string): Listen {
  const match = /^(?:\[([0-9a-f:]+)\]:|([^:[\]]*):)?(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? (match?.[2] || '127.0.0.1');
  const port = Number(match?.[3]);
  const isAddress = isIP(host) !== 0 || host === 'localhost';
  if (match === null || port > 65_535 || !isAddress) {
    throw new InvalidArgumentError('An address looks like 127.0.0.1:8080, [::1]:8080 or 8080.');
  }
  return { host, port };
}
