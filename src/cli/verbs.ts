/**
 * The verbs, in the order of the help. Only the verb of the command line is loaded: `copy`, for instance, need not wait
 * for the code of a runtime.
 */
import { Command } from 'commander';
import type { Verb, Verbs } from './verb.js';

export const verbs: Verbs = new Map(
  Object.entries({
    run: {
      about: 'run a process with a terminal: in a container, or right here',
      load: () => import('./verbs/container/run.js'),
    },
    attach: {
      about: 'sit down at the terminal of a container that runs',
      load: () => import('./verbs/terminal/attach.js'),
    },
    exec: {
      about: 'run one more process in a container',
      load: () => import('./verbs/container/exec.js'),
    },
    logs: {
      about: 'show what a container wrote, from its log',
      load: () => import('./verbs/container/logs.js'),
    },
    ps: {
      about: 'list containers and what goes on at their terminals',
      load: () => import('./verbs/container/ps.js'),
    },
    inspect: {
      about: 'show all that is known of a container, and who is attached',
      load: () => import('./verbs/container/inspect.js'),
    },
    'reopen-logs': {
      about: 'open the log of a container anew, when it was moved',
      load: () => import('./verbs/container/reopen-logs.js'),
    },
    stats: {
      about: 'show what containers use: processors, memory, processes',
      load: () => import('./verbs/container/stats.js'),
    },
    events: {
      about: 'follow what happens to containers and their terminals',
      load: () => import('./verbs/container/events.js'),
    },
    resize: {
      about: 'set the size of a terminal, or say whose window decides',
      load: () => import('./verbs/terminal/resize.js'),
    },
    record: {
      about: 'record what a terminal shows, for asciinema',
      load: () => import('./verbs/terminal/record.js'),
    },
    kill: {
      about: 'send a signal to a container',
      load: () => import('./verbs/container/kill.js'),
    },
    pause: {
      about: 'let the processes of a container stand still',
      load: () => import('./verbs/container/pause.js'),
    },
    resume: {
      about: 'let a paused container go on',
      load: () => import('./verbs/container/resume.js'),
    },
    wait: {
      about: 'wait for the end of a container, and print its exit status',
      load: () => import('./verbs/container/wait.js'),
    },
    delete: {
      about: 'remove containers that have ended',
      load: () => import('./verbs/container/delete.js'),
    },
    daemon: {
      about: 'be the daemon that has the containers, or end it',
      load: () => import('./verbs/daemon.js'),
    },
    web: {
      about: 'serve the sessions to a browser on this machine',
      load: () => import('./verbs/terminal/web.js'),
    },
    copy: {
      about: 'copy stdin FIFO -> console -> stdout FIFO for one console that a runtime sends',
      load: () => import('./verbs/terminal/copy.js'),
    },
    recvtty: {
      about: "receive consoles at a socket, as runc's recvtty does",
      load: () => import('./verbs/terminal/recvtty.js'),
    },
    completion: {
      about: 'print what makes a shell complete our command lines',
      load: () => import('./verbs/completion.js'),
    },
  }),
);

/** A command with what the help shows of a verb. */
export function verbStub(name: string, { about }: Verb): Command {
  return new Command(name).description(about);
}
