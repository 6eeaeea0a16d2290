import type { OciState } from '../oci-state.js';
import { findContainer, statusOf } from './container.js';

/** The OCI state of a container, with the time of its creation as runc gives it. */
export function state(root: string, id: string): OciState & { created: string } {
  const container = findContainer(root, id);
  const status = statusOf(container);
  const { ociVersion, bundle, annotations, created, init } = container.record;
  const pid = status === 'stopped' ? 0 : (init?.pid ?? 0);
  return { ociVersion, id, pid, status, bundle, created, annotations };
}
