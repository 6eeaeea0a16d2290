/** The containers of the daemon, as the Sessions service needs them. */
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
  /** The content of its config.json. */
  readonly spec: OciSpec;
}

/** The arguments and environment that were requested. The request of an exec process may lack them. */
export function processOf({ container, spec }: SessionContainer, execId: string): { args: string[]; env: string[] } {
  const requested = execId === '' ? spec.process : container.execs.get(execId)?.spec;
  const { args, env }: { args?: string[]; env?: string[] | null } = requested ?? {};
  return { args: args ?? [], env: env ?? [] };
}

/** The annotation of config.json that asks for the screens of the container's terminals to be kept. */
export const screenAnnotation = 'io.termshim.screen';

/** The annotation of config.json with the URI of a log target that gets a copy of all output of the container. */
export const logAnnotation = 'io.termshim.log';

/** Whether config.json asks for the screens of its terminals to be kept. */
export function wantsScreen({ spec }: SessionContainer): boolean {
  return spec.annotations?.[screenAnnotation] === 'true';
}
