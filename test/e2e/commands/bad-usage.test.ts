/**
 * What could break with a wrong command line: a mistake is taken for something else, or is reported with a stack trace,
 * on stdout, or with a status that scripts take for the status of the process. Each command line here is one that a
 * user could type. And a terminal of the usual width may break a help into pieces.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verbs } from '../../../src/cli/verbs.js';
import { runToEnd } from '../../helpers/base/command.js';
import { openTestbed } from '../../helpers/e2e/testbed.js';
import { termshimProgram } from '../../helpers/e2e/termshim.js';
import { logDriverPath } from '../../helpers/log/driver-program.js';
import { ptyRuntimeProgram } from '../../helpers/runtime/fake-runtime.js';

/** Command lines that make no sense, with a word that the message must have. */
const usageErrors: [args: string[], words: RegExp][] = [
  [['fly'], /unknown command 'fly'/],
  [['--fly'], /unknown option '--fly'/],
  [['\x1b[2Jfly\u009b\u202e'], /^error: unknown command '\\e\[2Jfly\\u009b\\u202e'\n$/],
  [['--fly\x07\nerror'], /^error: unknown option '--fly\\u0007\\nerror'\n$/],
  [['kill', '-s', '\x1bc', 'a'], /'\\ec'.*TERM, SIGHUP/],
  [['run', '--runtime', '/\x1b[2J', 'sh'], /\/\\e\[2J needs --bundle or --rootfs/],
  [['run', '--fly'], /unknown option '--fly'/],
  [['run', '--runtime'], /--runtime <runtime>.*argument missing/],
  [['run', '--bundle', 'a', '--rootfs', 'b'], /--bundle and --rootfs/],
  [['run', '--bundle', 'a', 'sh'], /--bundle.*config\.json/],
  [['run', '--runtime', 'pty', '--rootfs', 'a'], /pty.*--rootfs/],
  [['run', '--runtime', 'runc', 'sh'], /runc needs --bundle or --rootfs/],
  [['run', '--detach-keys', 'ctrl-1'], /ctrl-1.*ctrl-p,ctrl-q/],
  [['run', '--detach-keys', ''], /ctrl-p,ctrl-q/],
  [['run', '--size', 'huge'], /huge.*latest, smallest, largest/],
  [['attach'], /missing required argument 'id'/],
  [['attach', '--detach-keys', 'ab', 'a'], /ab.*ctrl-p,ctrl-q/],
  [['exec'], /missing required argument 'id'/],
  [['exec', 'a'], /missing required argument 'command'/],
  [['exec', '-u', 'root', 'a', 'sh'], /root.*numbers?/],
  [['exec', '-u', '4294967295', 'a', 'sh'], /4294967295.*number/],
  [['exec', '-w', 'tmp', 'a', 'sh'], /tmp.*slash/],
  [['exec', '-e', '=1', 'a', 'sh'], /=1.*NAME=value/],
  [['daemon', '--idle-exit', 'soon'], /soon.*10s, 500ms/],
  [['daemon', '--stop', '--idle-exit', '1s'], /cannot be used with/],
  [['daemon', '--force'], /--force needs --stop/],
  [['daemon', 'now'], /too many arguments/],
  [['copy'], /--stdin <fifo>.*not specified/],
  [['copy', '--stdin', 'a'], /--stdout <fifo>.*not specified/],
  [['copy', '--stdin', 'a', '--stdout', 'b', 'c'], /too many arguments/],
  [['copy', '--stdin', 'a', '--stdout', 'b', '--connect-timeout', 'soon'], /soon.*10s, 500ms/],
  [['copy', '--stdin', 'a', '--stdout', 'b', '--connect-timeout', '-5s'], /-5s.*10s, 500ms/],
  [['copy', '--stdin', 'a', '--stdout', 'b', '--connect-timeout', '5'], /'5'.*10s, 500ms/],
  [['copy', '--stdin', 'a', '--stdout', 'b', '--no-reader', 'panic'], /panic.*block, discard, hangup/],
  [['copy', '--stdin', 'a', '--stdout', 'b', '--stdin-eof', 'panic'], /panic.*hangup, veof, ignore/],
  [['copy', '--stdin', 'a', '--stdout', 'b', '--pid', 'init'], /init.*positive number/],
  [['copy', '--stdin', 'a', '--stdout', 'b', '--pid', '0'], /'0'.*positive number/],
  [['recvtty'], /missing required argument 'socket'/],
  [['recvtty', 'a', 'b'], /too many arguments/],
  [['recvtty', '--mode', 'double', 'a'], /double.*single, null/],
  [['constructor'], /unknown command 'constructor'/],
  [['ps', 'web'], /too many arguments/],
  [['ps', '--format', 'xml'], /xml.*table, json/],
  [['inspect'], /missing required argument 'id'/],
  [['inspect', 'a', 'b'], /too many arguments/],
  [['stats', '--format', 'text'], /text.*table, json/],
  [['events', '--since', 'yesterday'], /yesterday.*number of an event/],
  [['events', '--format', 'table'], /table.*text, json/],
  [['resize'], /missing required argument 'id'/],
  [['resize', 'a'], /a size, such as 100x30, or --policy/],
  [['resize', 'a', '80x24', '--policy', 'latest'], /a size, such as 100x30, or --policy/],
  [['resize', 'a', '0x0'], /0x0.*COLUMNSxROWS.*from 1 to 65535/],
  [['resize', 'a', '80'], /'80'.*COLUMNSxROWS/],
  [['resize', 'a', '--policy', 'random'], /random.*latest, smallest, largest/],
  [['run', '--record', 'f', 'sh'], /--record needs -t/],
  [['run', '-t', '--record-input', 'sh'], /--record-input needs --record/],
  [['exec', '--record', 'f', 'a', 'sh'], /--record needs -t/],
  [['record', 'a'], /a file to record to, or --stop/],
  [['record', '--stop', 'a', 'f'], /--stop cannot be used with a file/],
  [['kill'], /missing required argument 'id'/],
  [['kill', '-s', 'SIGNOTHING', 'a'], /SIGNOTHING.*TERM, SIGHUP/],
  [['kill', '-s', '65', 'a'], /65.*from 1 to 64/],
  [['kill', '--all', '--exec', 'b', 'a'], /--all.*--exec/],
  [['pause'], /missing required argument 'id'/],
  [['resume', 'a', 'b'], /too many arguments/],
  [['wait'], /missing required argument 'id'/],
  [['delete'], /missing required argument 'id'/],
  [['completion'], /missing required argument 'shell'/],
  [['completion', 'csh'], /csh.*bash, zsh, fish/],
];

test('a wrong command line is refused with status 2', { concurrency: 2 }, async (t) => {
  const testbed = openTestbed(t);
  for (const [args, words] of usageErrors) {
    await t.test(`termshim ${args.join(' ')}`, async () => {
      const { stdout, stderr, status } = await runToEnd([termshimProgram, ...args], { env: testbed.env });
      assert.match(stderr, /^error: [^\n]*\n$/);
      assert.match(stderr, words);
      assert.deepEqual({ stdout, status }, { stdout: '', status: 2 });
    });
  }
});

test('a mistyped word is an error with a suggestion in a second line', async (t) => {
  const testbed = openTestbed(t);
  const { stderr } = await runToEnd([termshimProgram, 'atach'], { env: testbed.env });
  assert.equal(stderr, "error: unknown command 'atach'\n(Did you mean attach?)\n");
});

test('--help and --version exit with 0', async (t) => {
  const testbed = openTestbed(t);
  for (const args of [['--help'], ['--version'], ...Array.from(verbs.keys(), (verb) => [verb, '--help'])]) {
    const { stdout, stderr, status } = await runToEnd([termshimProgram, ...args], { env: testbed.env });
    assert.ok(stdout.length > 0);
    assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
  }
});

test('every help fits into a terminal of 80 columns', async (t) => {
  const testbed = openTestbed(t);
  const programs = [
    [termshimProgram],
    ...Array.from(verbs.keys(), (verb) => [termshimProgram, verb]),
    [logDriverPath],
    [ptyRuntimeProgram],
  ];
  for (const program of programs) {
    const { stdout } = await runToEnd([...program, '--help'], { env: { ...testbed.env, XDG_RUNTIME_DIR: '/run' } });
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.length > 80),
      [],
    );
  }
});
