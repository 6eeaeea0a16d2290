/** A stage for `termshim --shim`: what a shim can leave behind without containerd is looked for too. */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type CommandResult, runToEnd } from '../base/command.js';
import { findSockets } from './containerd-traces.js';
import { termshimCommand } from '../runtime/run-command.js';
import { type Stage, openStage } from '../e2e/stage.js';

export interface ExternalShimStage {
  stage: Stage;
  /** Runs a verb with the shim to its end. */
  ask(...args: readonly string[]): Promise<CommandResult>;
}

/** @param shim the path that TERMSHIM_SHIM has in the stage's environment */
export function openExternalShimStage(t: TestContext, shim: string): ExternalShimStage {
  const stage = openStage(t);
  stage.env['TERMSHIM_SHIM'] = shim;
  const runcRoot = '/run/containerd/runc/termshim';
  const address = `${stage.env['XDG_RUNTIME_DIR']}/termshim/shims/containerd.sock`;
  const sockets = (): string[] => findSockets({ stage, namespace: 'termshim', address });
  const states = (): string[] => stage.ids.filter((id) => existsSync(`${runcRoot}/${id}`));
  stage.lookFor({
    find: () => [...sockets().map((path) => `socket ${path}`), ...states().map((id) => `container ${id}`)],
    remove() {
      for (const id of states()) spawnSync('runc', ['--root', runcRoot, 'delete', '--force', id]);
      for (const path of sockets()) rmSync(path, { force: true });
    },
  });
  return { stage, ask: (...args) => runToEnd(termshimCommand(...args), { env: stage.env }) };
}
