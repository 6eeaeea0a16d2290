/**
 * A task: a container with its Create request, its root filesystem, its files and its control group.
 */
import { join } from 'node:path';
import { mountAll, unmountAll } from '../os/mount/mount-all.js';
import { readBundle } from '../runtime/spec/bundle.js';
import { isPtyRuntime } from '../runtime/find-runtime.js';
import { parseId } from '../runtime/spec/container-id.js';
import { hasOwnPids, type OciSpec } from '../runtime/spec/oci-spec.js';
import { ociRuntime } from '../runtime/oci-runtime.js';
import { screenAnnotation } from '../sessions/containers.js';
import type { Cgroup } from '../task/cgroup/cgroup-paths.js';
import { type OomWatch, watchOom } from '../task/cgroup/oom-watch.js';
import { type TaskContainer, createTaskContainer } from '../task/container.js';
import type { TaskEvent } from '../task/event.js';
import type { Exit } from '../task/launch.js';
import type { CreateTaskRequest } from '../ttrpc/gen/containerd/task.js';
import { annotatedLog } from './create/annotated-log.js';
import { type ContainerDirectory, openContainerDirectory } from './container-directory.js';
import { readRestore } from './create/checkpoint.js';
import { removeContainerRecord, writeContainerRecord } from './container-record.js';
import { type OwnSettings, type RuntimeSettings, readCreateOptions } from './create/create-options.js';
import { writeUserDaemonRecord } from './cleanup/user-daemon-record.js';
import { readStdio, type StdioContext, type StdioRequest } from './create/stdio.js';

export interface Task {
  readonly request: CreateTaskRequest;
  readonly container: TaskContainer;
  /** The stdio of each exec, as in its request. The answer of State repeats it. */
  readonly execStdio: Map<string, StdioRequest>;
  /** The content of config.json. */
  readonly spec: OciSpec;
  /** The context for reading the stdio of an exec. */
  readonly stdioContext: Omit<StdioContext, 'id'>;
  /** What only commands of termshim set; undefined for a container of containerd. */
  readonly own: OwnSettings | undefined;
  /**
   * Releases what the daemon keeps for the container: its mounts, the watch for out of memory, its files, the record.
   * Idempotent. Rejects if something stays mounted; then the record stays too.
   */
  release(): Promise<void>;
}

export interface TaskContext {
  namespace: string;
  onEvent: (event: TaskEvent, request: CreateTaskRequest) => void;
  onError: (error: Error, request: CreateTaskRequest) => void;
  /** Makes the daemon join a control group; see `cgroupJoiner`. */
  joinCgroup: (path: string) => Promise<void>;
}

/**
 * How long a runtime may take for one command. It is long, because a machine that starts many containers is slow. A
 * failure of the runtime is reported at once.
 */
const timeoutMs = 60_000;

/** Mounts the root filesystem and creates the container. If it fails or `signal` aborts it, nothing is left. */
export async function createTask(request: CreateTaskRequest, context: TaskContext, signal: AbortSignal): Promise<Task> {
  const settings = await readCreateOptions(request.options, context.namespace, signal);
  await context.joinCgroup(settings.shimCgroup);
  const directory = openContainerDirectory(request.bundle, settings.own);
  const checkpoint = request.checkpoint || settings.criuImagePath;
  try {
    const task = await createTaskIn(
      directory,
      { ...request, bundle: directory.bundle, checkpoint },
      settings,
      context,
      signal,
    );
    const release = async (): Promise<void> => {
      try {
        await task.release();
      } finally {
        directory.remove();
      }
    };
    return { ...task, release };
  } catch (error) {
    directory.remove();
    throw error;
  }
}

async function createTaskIn(
  { directory }: ContainerDirectory,
  request: CreateTaskRequest,
  settings: RuntimeSettings,
  context: TaskContext,
  signal: AbortSignal,
): Promise<Task> {
  const id = parseId(request.id);
  const found = await readBundle(request.bundle);
  const { path: bundle, spec } = found;
  if (settings.own?.screen === true) spec.annotations = { ...spec.annotations, [screenAnnotation]: 'true' };
  const log = settings.own?.log || annotatedLog(spec, settings.own !== undefined);
  const stdioContext = { namespace: context.namespace, owner: settings.owner };
  const stdio = readStdio(request, { ...stdioContext, id }, log);
  const rootfs = join(bundle, 'rootfs');
  const { name, command: runtime, root, systemdCgroup, own } = settings;
  const restore = await readRestore(request.checkpoint, settings.criuWorkPath, found, signal);
  // `delete` needs the record, and only containerd calls `delete`.
  const isRecorded = root !== undefined;
  const isMounted = request.rootfs.length > 0;
  const record = (cgroup: readonly string[]): void => {
    const common = { name, runtime, cgroup: [...cgroup] };
    if (isRecorded) writeContainerRecord(bundle, { ...common, root, systemdCgroup, mounted: isMounted });
    if (own !== undefined) writeUserDaemonRecord(directory, { ...common, id, bundle });
  };
  record([]);
  let isDoubtful = false;
  let watching: OomWatch | undefined;
  let made: TaskContainer | undefined;
  const lookAfter = (container: TaskContainer): void => {
    const { cgroup, cgroupDirectories } = container;
    try {
      record(cgroupDirectories);
    } catch (error) {
      // The container exists, and runs without the record of its cgroup.
      onError(error as Error);
    }
    watching = cgroup && tryWatchOom(cgroup, () => context.onEvent({ kind: 'oom' }, request), onError);
  };
  const onError = (error: Error): void => context.onError(error, request);
  const release = async (): Promise<void> => {
    watching?.close();
    if (isMounted) await unmountAll(rootfs);
    // If there was an error, the record stays, so that `delete` checks again.
    if (isRecorded && !isDoubtful) removeContainerRecord(bundle);
  };
  try {
    await mountAll(request.rootfs, rootfs, { signal });
    const container = await createTaskContainer({
      ...settings,
      id,
      // Only a user's bundle may be on a disk that hangs: those of containerd and the daemon are on a local disk.
      runtime: ociRuntime({
        ...settings,
        directory: { path: bundle, mayHang: bundle !== directory },
        timeoutMs,
      }),
      bundle,
      stdio,
      pidFile: join(directory, 'init.pid'),
      others: hasOwnPids(spec) ? 'gone' : isPtyRuntime(runtime) ? 'left' : 'killed',
      signal,
      restore,
      onEvent(event) {
        // A restored container has a cgroup only after its start.
        if (event.kind === 'start' && made !== undefined && watching === undefined) lookAfter(made);
        context.onEvent(event, request);
      },
      onError(error) {
        isDoubtful = true;
        onError(error);
      },
    });
    made = container;
    if (container.init.isMade) lookAfter(container);
    return { request, container, execStdio: new Map(), spec, stdioContext, own, release };
  } catch (error) {
    await release().catch(onError);
    throw error;
  }
}

/** Deletes an exec that has ended or was not started. */
export async function deleteExec({ container, execStdio }: Task, execId: string, signal?: AbortSignal): Promise<Exit> {
  const exit = await container.delete(execId, signal);
  execStdio.delete(execId);
  return exit;
}

/** If the watch fails, for instance because cgroups are read-only, the container runs without it. */
function tryWatchOom(cgroup: Cgroup, onOom: () => void, onError: (error: Error) => void): OomWatch | undefined {
  try {
    return watchOom(cgroup, onOom);
  } catch (error) {
    onError(error as Error);
    return undefined;
  }
}
