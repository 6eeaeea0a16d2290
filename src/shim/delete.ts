/**
 * `delete`, if the launcher has found a record or was in doubt: the container's daemon has ended, cannot be reached, or
 * never existed. Removes what is left of the container: its processes, the runtime's state, its mounts. If something
 * cannot be removed, that is only a warning, because containerd does not call `delete` again.
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

/** containerd kills `delete` after 5 s. If the daemon hangs, `delete` must do its work in the rest of this time. */
const forgetTimeoutMs = 2000;

/**
 * Time limit of the unmount. After that the mounter kills FUSE programs that do not answer. It goes on if containerd
 * has killed this process by then.
 */
const unmountMs = 2500;

/** Returns the bytes of a DeleteResponse. Never rejects. */
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
  // A forced delete kills a running container, and succeeds if there is no such container.
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

/** 128 + SIGKILL. The real exit status is unknown. */
const killed = 137;

/** Undefined if the bundle has no address, or the address of another shim. */
function daemonSocket(bundle: string): string | undefined {
  const path = fromAddress(readBundleAddress(bundle) ?? '');
  return path?.startsWith(`${socketDirectory}/termshim-`) ? path : undefined;
}

/** The runtime of the record. Without a record it is runc, the default of containerd-shim-runc-v2. */
function runtimeOf({ namespace, bundle }: DeleteOptions, record: ContainerRecord | undefined): OciRuntime {
  const directory = { path: bundle, mayHang: false };
  if (record === undefined) return ociRuntime({ command: ['runc'], root: `${defaultRoot}/${namespace}`, directory });
  const { name, runtime: command, root, systemdCgroup } = record;
  return ociRuntime({ name, command, root, systemdCgroup, directory });
}

/** Checks again under the lock: otherwise this could remove the socket of a daemon that is being started. */
async function removeDeadSocket(socket: string): Promise<void> {
  if (await isListening(socket)) return;
  await underLock(async () => {
    if (!(await isListening(socket))) rmSync(socket, { force: true });
  });
}
