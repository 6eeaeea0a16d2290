/** What the Sessions service asks of the daemon around it. */
import type { OciSpec } from '../runtime/spec/oci-spec.js';
import type { TaskContainer } from '../task/container.js';

export interface Containers {
  /** In the order in which they were created. */
  list(): readonly SessionContainer[];
  find(id: string): SessionContainer | undefined;
  /** Throws ERR_PROCESS_NOT_FOUND. */
  get(id: string): SessionContainer;
}

export interface SessionContainer {
  readonly container: TaskContainer;
  /** What its config.json says. */
  readonly spec: OciSpec;
}

/** What was asked to run. An exec process may have been asked for without any of it. */
export function processOf({ container, spec }: SessionContainer, execId: string): { args: string[]; env: string[] } {
  const requested = execId === '' ? spec.process : container.execs.get(execId)?.spec;
  const { args, env }: { args?: string[]; env?: string[] | null } = requested ?? {};
  return { args: args ?? [], env: env ?? [] };
}

/** Of a config.json. */
export const screenAnnotation = 'io.termshim.screen';

/** Of a config.json: the URI of what gets all of the container's output, wherever else that goes. */
export const logAnnotation = 'io.termshim.log';

/** Whether config.json asks for the screens of its terminals to be kept. */
export function wantsScreen({ spec }: SessionContainer): boolean {
  return spec.annotations?.[screenAnnotation] === 'true';
}
