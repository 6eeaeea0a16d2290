/**
 * The verbs, in the order of the help. Only the verb of the command line is loaded: `copy`, for instance, need not wait
 * for the code of a runtime.
 */
import { Command } from 'commander';
import type { Verb, Verbs } from './verb.js';

export const verbs: Verbs = new Map(
  Object.entries({
    run: {
      about: 'run a command in a container, or on this host',
      load: () => import('./verbs/container/run.js'),
    },
    attach: {
      about: "attach to a running container's terminal",
      load: () => import('./verbs/terminal/attach.js'),
    },
    exec: {
      about: 'run another process in a running container',
      load: () => import('./verbs/container/exec.js'),
    },
    logs: {
      about: 'print the log of a container',
      load: () => import('./verbs/container/logs.js'),
    },
    ps: {
      about: 'list processes, with the state of their terminals',
      load: () => import('./verbs/container/ps.js'),
    },
    inspect: {
      about: 'show the details of a process and of its clients',
      load: () => import('./verbs/container/inspect.js'),
    },
    'reopen-logs': {
      about: 'reopen the log of a container after it was moved',
      load: () => import('./verbs/container/reopen-logs.js'),
    },
    stats: {
      about: 'show how much CPU time and memory containers use',
      load: () => import('./verbs/container/stats.js'),
    },
    events: {
      about: 'print events of containers and terminals as they happen',
      load: () => import('./verbs/container/events.js'),
    },
    resize: {
      about: "set a terminal's size, or the policy that chooses it",
      load: () => import('./verbs/terminal/resize.js'),
    },
    record: {
      about: 'record a terminal, for `asciinema play`',
      load: () => import('./verbs/terminal/record.js'),
    },
    kill: {
      about: 'send a signal to a container',
      load: () => import('./verbs/container/kill.js'),
    },
    pause: {
      about: 'pause a container',
      load: () => import('./verbs/container/pause.js'),
    },
    resume: {
      about: 'resume a paused container',
      load: () => import('./verbs/container/resume.js'),
    },
    wait: {
      about: 'wait until a process has ended, and print its exit status',
      load: () => import('./verbs/container/wait.js'),
    },
    delete: {
      about: 'remove containers that have ended',
      load: () => import('./verbs/container/delete.js'),
    },
    daemon: {
      about: 'run or stop the daemon',
      load: () => import('./verbs/daemon.js'),
    },
    web: {
      about: 'serve the terminals to a browser on this machine',
      load: () => import('./verbs/terminal/web.js'),
    },
    copy: {
      about: 'copy one console between FIFOs, for any OCI runtime',
      load: () => import('./verbs/terminal/copy.js'),
    },
    recvtty: {
      about: "receive consoles over a socket, like runc's recvtty",
      load: () => import('./verbs/terminal/recvtty.js'),
    },
    completion: {
      about: 'print the completion script for a shell',
      load: () => import('./verbs/completion.js'),
    },
  }),
);

/** A command with what the help shows of a verb. */
export function verbStub(name: string, { about }: Verb): Command {
  return new Command(name).description(about);
}
