/**
 * `delete`, where the launcher found a record, or was in doubt: a container's daemon is gone, or cannot be reached, or
 * never was. Whatever is left of the container goes: its processes, the runtime's state, its mounts. What cannot be
 * removed is a warning, since nobody would ask again.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { unmountAll } from '../os/mount/mount-all.js';
import { isMissing, type OciRuntime, ociRuntime } from '../runtime/oci-runtime.js';
import { removeByHand } from '../task/remove-by-hand.js';
import { DeleteResponse } from '../ttrpc/gen/containerd/task.js';
import { timestampOf } from '../ttrpc/message.js';
import { fromAddress, socketDirectory } from './address.js';
import { readBundleAddress } from './bundle-address.js';
import { type ContainerRecord, readContainerRecord, readInitPid } from '../daemon/container-record.js';
import { defaultRoot } from '../daemon/create/create-options.js';
import { forget, isListening } from './daemon-client.js';
import { killLeftovers } from '../daemon/cleanup/kill-leftovers.js';
import { underLock } from './socket-lock.js';

export interface DeleteOptions {
  namespace: string;
  id: string;
  bundle: string;
  onError: (error: unknown) => void;
}

/** containerd kills `delete` after 5 s, and what a daemon that hangs has left undone must be done in that time. */
const forgetTimeoutMs = 2000;

/** What takes longer, as a FUSE program that does not answer, goes on without us. */
const unmountMs = 2500;

/** Answers the bytes of a DeleteResponse. Never fails. */
export async function deleteContainer(options: DeleteOptions): Promise<Uint8Array> {
  const { id, bundle, onError } = options;
  const attempt = async <T>(step: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await step();
    } catch (error) {
      onError(error);
      return undefined;
    }
  };
  const socket = await attempt(() => daemonSocket(bundle));
  const told = socket === undefined ? undefined : await attempt(() => forget(socket, id, forgetTimeoutMs));
  if (told?.known === true) return DeleteResponse.encode(told).finish();
  const record = await attempt(() => readContainerRecord(bundle));
  const pid = (await attempt(() => readInitPid(bundle))) ?? 0;
  const runtime = runtimeOf(options, record);
  // A forced delete kills what runs, and is content if there is no such container.
  const isGone = await runtime.delete(id, { force: true }).catch((error: unknown) => {
    onError(error);
    return isMissing(error);
  });
  await attempt(() => killLeftovers(pid, id));
  if (isGone === true)
    await attempt(() => removeByHand({ id, runtime, cgroup: record?.cgroup ?? [], sharesPids: false }));
  if (record?.mounted !== false) await attempt(() => unmountAll(join(bundle, 'rootfs'), unmountMs));
  if (socket !== undefined) await attempt(() => removeDeadSocket(socket));
  return DeleteResponse.encode({ pid, exitStatus: killed, exitedAt: timestampOf(Date.now()) }).finish();
}

/** 128 and SIGKILL. How it ended for real nobody was there to see. */
const killed = 137;

/** Undefined if `start` has never answered, or the answer was not of ours. */
function daemonSocket(bundle: string): string | undefined {
  const path = fromAddress(readBundleAddress(bundle) ?? '');
  return path?.startsWith(`${socketDirectory}/termshim-`) ? path : undefined;
}

/** The runtime of containerd-shim-runc-v2 without options, and so ours. */
function runtimeOf({ namespace, bundle }: DeleteOptions, record: ContainerRecord | undefined): OciRuntime {
  const directory = { path: bundle, mayHang: false };
  if (record === undefined) return ociRuntime({ command: ['runc'], root: `${defaultRoot}/${namespace}`, directory });
  const { name, runtime: command, root, systemdCgroup } = record;
  return ociRuntime({ name, command, root, systemdCgroup, directory });
}

/** Under the lock, or a daemon that is being started could lose its socket here. */
async function removeDeadSocket(socket: string): Promise<void> {
  if (await isListening(socket)) return;
  await underLock(async () => {
    if (!(await isListening(socket))) rmSync(socket, { force: true });
  });
}
