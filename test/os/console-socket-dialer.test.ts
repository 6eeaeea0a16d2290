/*
 * Any process of the same user can dial the console socket, and can send no descriptor, two descriptors, a file,
 * garbage, or nothing at all. A wrong dialer must be recognized and must cost no descriptor, and a silent one must not
 * delay the runtime that dials after it. In each case the next console can be received.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, constants } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe } from 'node:test';
import { addon } from '../../src/native/addon.js';
import type { ConsoleSocket } from '../../src/os/console-socket.js';
import { OwnedFd } from '../../src/os/owned-fd.js';
import { dial, isError, listen, openMaster, receive } from '../helpers/copy/dialer.js';
import { type Scope, leakTest } from '../helpers/base/leak-free.js';
import { missing } from '../helpers/base/requirement.js';
import { temporaryDirectory } from '../helpers/base/temporary-directory.js';
import { within } from '../helpers/base/wait-for.js';

const { O_RDONLY, O_RDWR, O_NOCTTY } = constants;

describe('a dialer that sends a console', () => {
  leakTest("gives the socket's owner the same pty", async (scope) => {
    const socket = listen(scope);
    const sent = openMaster(scope);
    dial(scope, socket).send('/dev/pts/3', [sent]);
    const console = await receive(scope, socket);
    assert.equal(console.name, ttyOf(sent));
    assert.notEqual(console.fd, sent);
    assert.equal(addon.tty_pts_number(console.fd), addon.tty_pts_number(sent));
  });

  const texts: readonly (readonly [string, Uint8Array | string])[] = [
    ['what runc 1.1 says', '/dev/ptmx'],
    ['the text of runc 1.3', '/dev/pts/ptmx'],
    ['the text of crun', ' '],
    ['one zero byte', new Uint8Array(1)],
    ['the name of another tty, with a zero at its end', '/dev/pts/4095\0'],
    ['a text that is no path', 'orphan-pts-master'],
    ['5000 bytes', 'n'.repeat(5000)],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0xfe, 0x41])],
    ['a sequence that a terminal would obey', '\u001b]0;owned\u0007'],
  ];
  for (const [what, said] of texts) {
    leakTest(`may send ${what}, and the tty has the name that the kernel gave it`, async (scope) => {
      const socket = listen(scope);
      const sent = openMaster(scope);
      dial(scope, socket).send(said, [sent]);
      assert.equal((await receive(scope, socket)).name, ttyOf(sent));
    });
  }

  leakTest('may come before receive, after it, and send late', async (scope) => {
    const socket = listen(scope);
    const [early, after, late] = [openMaster(scope), openMaster(scope), openMaster(scope)];
    dial(scope, socket).send('x', [early]);
    assert.equal((await receive(scope, socket)).name, ttyOf(early));
    const receiving = receive(scope, socket);
    dial(scope, socket).send('x', [after]);
    assert.equal((await receiving).name, ttyOf(after));
    const slow = dial(scope, socket);
    setTimeout(() => slow.send('x', [late]), 30);
    assert.equal((await receive(scope, socket)).name, ttyOf(late));
  });

  leakTest('may close its connection at once', async (scope) => {
    const socket = listen(scope);
    const dialer = dial(scope, socket);
    dialer.send('x', [openMaster(scope)]);
    dialer.leave();
    await receive(scope, socket);
  });

  leakTest('is served before silent dialers that came earlier, whose connections are closed', async (scope) => {
    const socket = listen(scope);
    for (let i = 0; i < 5; i++) dial(scope, socket);
    const receiving = receive(scope, socket);
    dial(scope, socket);
    const good = openMaster(scope);
    dial(scope, socket).send('x', [good]);
    assert.equal((await receiving).name, ttyOf(good));
  });

  leakTest('is the only one that is served, and nothing of a second one stays', async (scope) => {
    const socket = listen(scope);
    const [first, second] = [openMaster(scope), openMaster(scope)];
    for (const master of [first, second]) dial(scope, socket).send('x', [master]);
    assert.equal((await receive(scope, socket)).name, ttyOf(first));
  });
});

/** The name that the kernel gives it. */
function ttyOf(master: number): string {
  return `/dev/pts/${addon.tty_pts_number(master)}`;
}

interface Misdeed {
  readonly what: string;
  act(scope: Scope, socket: ConsoleSocket): void;
  readonly code: string;
  readonly words: RegExp;
}

const message = 'ERR_CONSOLE_MESSAGE';
const stranger = { code: 'ERR_NOT_A_CONSOLE', words: /not a pty master/ };
const silence = { code: 'ERR_CONSOLE_TIMEOUT', words: /within 0\.1 s/ };

const misdeeds: readonly Misdeed[] = [
  {
    what: 'sends no descriptor',
    act: (scope, socket) => dial(scope, socket).send('/dev/pts/3', []),
    code: message,
    words: /has no descriptor/,
  },
  { what: 'sends two', act: sendMany(2), code: message, words: /more than one descriptor/ },
  { what: 'sends 253', act: sendMany(253), code: message, words: /more than one descriptor/ },
  { what: 'sends a file', act: (scope, socket) => sendOpened(scope, socket, '/proc/self/stat'), ...stranger },
  { what: 'sends /dev/null', act: (scope, socket) => sendOpened(scope, socket, '/dev/null'), ...stranger },
  {
    what: 'sends the tty',
    act: (scope, socket) => sendOpened(scope, socket, `/dev/pts/${addon.tty_pts_number(openMaster(scope))}`),
    ...stranger,
  },
  {
    what: 'sends garbage',
    act: (scope, socket) => dial(scope, socket).send(Buffer.alloc(50_000, 0xa5), []),
    code: message,
    words: /has no descriptor/,
  },
  {
    what: 'leaves at once',
    act: (scope, socket) => dial(scope, socket).leave(),
    code: message,
    words: /closed without/,
  },
  { what: 'is silent', act: (scope, socket) => void dial(scope, socket), ...silence },
  { what: 'does not come', act: () => {}, ...silence },
];

describe('a wrong dialer', () => {
  for (const { what, act, code, words } of misdeeds) {
    for (const isEarly of [true, false]) {
      leakTest(`that ${what} ${isEarly ? 'before' : 'after'} receive is refused`, async (scope) => {
        const socket = listen(scope);
        if (isEarly) act(scope, socket);
        const receiving = socket.receive({ timeoutMs: code === silence.code ? 100 : 5000 });
        if (!isEarly) act(scope, socket);
        await assert.rejects(within(receiving, 'the fault'), isError(code, words));
        const good = openMaster(scope);
        dial(scope, socket).send('x', [good]);
        assert.equal((await receive(scope, socket)).name, ttyOf(good), 'the socket goes on listening');
      });
    }
  }

  const turnedAway = async (scope: Scope): Promise<void> => {
    const place = temporaryDirectory(scope);
    const socket = listen(scope, join(place, 'socket'));
    for (const path of [place, socket.path]) chmodSync(path, 0o777);
    const receiving = receive(scope, socket);
    const script = "require('net').connect(process.argv[1]).on('end', () => console.log('turned away')).resume()";
    const other = spawn(process.execPath, ['-e', script, socket.path], { uid: 65534, gid: 65534 });
    assert.equal(await within(text(other.stdout), 'the other user'), 'turned away\n');
    const good = openMaster(scope);
    dial(scope, socket).send('x', [good]);
    assert.equal((await receiving).name, ttyOf(good));
  };
  leakTest('of another user is refused, and the next dialer is served', turnedAway, { skip: missing('root') });
});

function sendMany(count: number): Misdeed['act'] {
  return (scope, socket) => {
    const master = openMaster(scope);
    const masters = Array.from({ length: count }, () => master);
    dial(scope, socket).send('x', masters);
  };
}

function sendOpened(scope: Scope, socket: ConsoleSocket, path: string): void {
  const file = OwnedFd.open(path, path.startsWith('/dev') ? O_RDWR | O_NOCTTY : O_RDONLY, path);
  scope.after(() => file.close());
  dial(scope, socket).send('/dev/pts/3', [file.fd]);
}
