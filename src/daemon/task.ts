/**
 * A container as containerd knows it: what it was created by, its root filesystem, its control group.
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
import type { CreateTaskRequest } from '../ttrpc/gen/containerd/task.js';
import { annotatedLog } from './create/annotated-log.js';
import { type ContainerDirectory, openContainerDirectory } from './container-directory.js';
import { readRestore } from './create/checkpoint.js';
import { removeContainerRecord, writeContainerRecord } from './container-record.js';
import { type OwnSettings, type RuntimeSettings, readCreateOptions } from './create/create-options.js';
import { writeUserDaemonRecord } from './cleanup/user-daemon-record.js';
import { readStdio, type StdioContext } from './create/stdio.js';

export interface Task {
  readonly request: CreateTaskRequest;
  readonly container: TaskContainer;
  /** What config.json says. */
  readonly spec: OciSpec;
  /** What an exec process's stdio is read with. */
  readonly stdioContext: Omit<StdioContext, 'id'>;
  /** What a command of ours wants; undefined for a container of containerd's. */
  readonly own: OwnSettings | undefined;
  /**
   * Lets go of what is not the container's own: mounts, the watch for lack of memory, files, the record. Idempotent. Rejects
   * if something stays mounted; then the record stays too.
   */
  release(): Promise<void>;
}

export interface TaskContext {
  namespace: string;
  onEvent: (event: TaskEvent, request: CreateTaskRequest) => void;
  onError: (error: Error, request: CreateTaskRequest) => void;
  /** How the daemon joins a control group of its own; see `cgroupJoiner`. */
  joinCgroup: (path: string) => Promise<void>;
}

/**
 * How long a runtime may take for one command. Long, since a machine that starts many containers is slow; a runtime that
 * fails is told at once.
 */
const timeoutMs = 60_000;

/** Mounts the root filesystem and creates the container. If that fails, or `signal` aborts it, nothing of it stays. */
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
  // Only containerd asks for a `delete`.
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
      // The container is there, and lives as well without.
      onError(error as Error);
    }
    watching = cgroup && tryWatchOom(cgroup, () => context.onEvent({ kind: 'oom' }, request), onError);
  };
  const onError = (error: Error): void => context.onError(error, request);
  const release = async (): Promise<void> => {
    watching?.close();
    if (isMounted) await unmountAll(rootfs);
    // Where anything has gone wrong, `delete` looks again.
    if (isRecorded && !isDoubtful) removeContainerRecord(bundle);
  };
  try {
    await mountAll(request.rootfs, rootfs, { signal });
    const container = await createTaskContainer({
      ...settings,
      id,
      // A bundle of containerd's, or of our own, is on a disk of the machine's.
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
        // One that is restored has its cgroup only then.
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
    return { request, container, spec, stdioContext, own, release };
  } catch (error) {
    await release().catch(onError);
    throw error;
  }
}

/** The container is there, and lives as well without the watch: where cgroups are read-only, for one. */
function tryWatchOom(cgroup: Cgroup, onOom: () => void, onError: (error: Error) => void): OomWatch | undefined {
  try {
    return watchOom(cgroup, onOom);
  } catch (error) {
    onError(error as Error);
    return undefined;
  }
}
