/** Creates a container, with the defaults of the public API. */
import { join } from 'node:path';
import type { OciRuntime } from '../runtime/oci-runtime.js';
import { readBundle } from '../runtime/spec/bundle.js';
import { hasOwnPids } from '../runtime/spec/oci-spec.js';
import type { Container } from './api.js';
import { createTaskContainer } from './container.js';
import type { ContainerOptions, OthersAtExit } from './container-options.js';

/**
 * Creates a container with its runtime. The init waits for `start`.
 *
 * The calling process becomes a subreaper: the runtime leaves the init to it, and it reaps the init. If the creation
 * fails, nothing of the container stays. A container with `restore` has no process before `start`.
 *
 * Fails with ERR_BUNDLE_INVALID, with an error of the runtime (ERR_RUNTIME_FAILED, ERR_RUNTIME_NOT_FOUND,
 * ERR_RUNTIME_DIED, ERR_RUNTIME_TIMEOUT), of the stdio (ERR_FIFO_INVALID, ERR_FIFO_TIMEOUT, ERR_CONSOLE_TIMEOUT,
 * ERR_LOG_FAILED), or with the reason of `signal`.
 *
 * @example
 * ```js
 * import { createContainer, findRuntime, ociRuntime, writeBundle } from 'termshim';
 *
 * await writeBundle('greeter', { ociVersion: '1.0.2', process: { args: ['/bin/echo', 'hello'], cwd: '/' } });
 * const container = await createContainer({
 *   id: 'greeter',
 *   runtime: ociRuntime(findRuntime('pty')),
 *   bundle: 'greeter',
 *   stdio: { kind: 'pipes', stdout: { kind: 'log', options: { path: 'greeter.log' } } },
 * });
 * await container.start();
 * const { status } = await container.init.exited;
 * await container.delete();
 * process.stdout.write(`ended with ${status}\n`);
 * ```
 */
export async function createContainer(options: ContainerOptions): Promise<Container> {
  const { bundle, runtime } = options;
  return await createTaskContainer({
    ...options,
    pidFile: options.pidFile ?? join(bundle, 'init.pid'),
    others: options.others ?? (await othersAtExit(bundle, runtime)),
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    drainTimeoutMs: options.drainTimeoutMs ?? 10_000,
    onEvent: options.onEvent ?? (() => {}),
    onError: options.onError ?? ((error) => process.emitWarning(error)),
  });
}

/** The embedded runtime isolates nothing: processes that its containers leave behind run on this host, and go on. */
async function othersAtExit(bundle: string, runtime: OciRuntime): Promise<OthersAtExit> {
  const { spec } = await readBundle(bundle);
  if (runtime.name === 'pty') return 'left';
  return hasOwnPids(spec) ? 'gone' : 'killed';
}
