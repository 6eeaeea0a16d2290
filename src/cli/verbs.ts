/**
 * The verbs, in the order of the help. Only the one that is asked for is loaded: a copier should not wait for a
 * runtime's code.
 */
import { Command } from 'commander';

export interface Verb {
  /** Its line in the help. */
  about: string;
  load: () => Promise<{ command: () => Command }>;
}

export const verbs: ReadonlyMap<string, Verb> = new Map(
  Object.entries({
    run: {
      about: 'run a process with a terminal: in a container, or right here',
      load: () => import('./run.js'),
    },
    attach: {
      about: 'sit down at the terminal of a container that runs',
      load: () => import('./attach.js'),
    },
    exec: {
      about: 'run one more process in a container',
      load: () => import('./exec.js'),
    },
    logs: {
      about: 'show what a container wrote, from its log',
      load: () => import('./logs.js'),
    },
    ps: {
      about: 'list containers and what goes on at their terminals',
      load: () => import('./ps.js'),
    },
    inspect: {
      about: 'show all that is known of a container, and who is attached',
      load: () => import('./inspect.js'),
    },
    'reopen-logs': {
      about: 'open the log of a container anew, when it was moved',
      load: () => import('./reopen-logs.js'),
    },
    stats: {
      about: 'show what containers use: processors, memory, processes',
      load: () => import('./stats.js'),
    },
    events: {
      about: 'follow what happens to containers and their terminals',
      load: () => import('./events.js'),
    },
    resize: {
      about: 'set the size of a terminal, or say whose window decides',
      load: () => import('./resize.js'),
    },
    record: {
      about: 'record what a terminal shows, for asciinema',
      load: () => import('./record.js'),
    },
    kill: {
      about: 'send a signal to a container',
      load: () => import('./kill.js'),
    },
    pause: {
      about: 'let the processes of a container stand still',
      load: () => import('./pause.js'),
    },
    resume: {
      about: 'let a paused container go on',
      load: () => import('./resume.js'),
    },
    wait: {
      about: 'wait for the end of a container, and print its exit status',
      load: () => import('./wait.js'),
    },
    delete: {
      about: 'remove containers that have ended',
      load: () => import('./delete.js'),
    },
    daemon: {
      about: 'be the daemon that has the containers, or end it',
      load: () => import('./daemon.js'),
    },
    web: {
      about: 'serve the sessions to a browser on this machine',
      load: () => import('./web.js'),
    },
    copy: {
      about: 'copy stdin FIFO -> console -> stdout FIFO for one console that a runtime sends',
      load: () => import('./copy.js'),
    },
    recvtty: {
      about: "receive consoles at a socket, as runc's recvtty does",
      load: () => import('./recvtty.js'),
    },
    completion: {
      about: 'print what makes a shell complete our command lines',
      load: () => import('./completion.js'),
    },
  }),
);

export async function loadVerb(name: string, { about, load }: Verb): Promise<Command> {
  const { command } = await load();
  return command().name(name).description(about);
}

/** Enough of a verb for the help. */
export function verbStub(name: string, { about }: Verb): Command {
  return new Command(name).description(about);
}
