import { shellLine } from '../../runtime/shell-line.js';
import { type SessionContainer, processOf } from '../containers.js';
import type { RecordingFacts } from './recorder.js';

/** The facts about a process in a recording's header. Of the environment, only the variables that a player shows. */
export function recordingFacts(hosted: SessionContainer, execId: string): RecordingFacts {
  const { args, env } = processOf(hosted, execId);
  const shown = env
    .map((entry) => entry.split(/=(.*)/s, 2))
    .filter(([name = '']) => name === 'TERM' || name === 'SHELL');
  const { id } = hosted.container;
  return { title: execId === '' ? id : `${id}/${execId}`, command: shellLine(args), env: Object.fromEntries(shown) };
}
