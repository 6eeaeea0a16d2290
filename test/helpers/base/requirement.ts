/**
 * The programs and permissions that a test needs. Without them the test is skipped and says why; with STRICT=1 it
 * fails, so that a green run means that every test has run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const checks = {
  root: () => process.getuid?.() === 0 || 'needs root',
  userNamespaces: () =>
    isStatus0(['setpriv', '--reuid=61234', '--regid=61234', '--clear-groups', 'unshare', '--user', 'true']) ||
    'needs user namespaces for users without root (kernel.unprivileged_userns_clone)',
  perl: () => isProgram('perl') || 'needs perl (apt-get install perl-base)',
  runc: () => isProgram('runc') || 'needs runc (apt-get install runc)',
  crun: () => isProgram('crun') || 'needs crun (apt-get install crun)',
  busybox: () => isProgram('/bin/busybox') || 'needs a static busybox (apt-get install busybox-static)',
  valgrind: () => isProgram('valgrind') || 'needs valgrind (apt-get install valgrind)',
  bash: () => isProgram('bash') || 'needs bash (apt-get install bash)',
  zsh: () => isProgram('zsh') || 'needs zsh (apt-get install zsh)',
  fish: () => isProgram('fish') || 'needs fish (apt-get install fish)',
  tmux: () => isProgram('tmux') || 'needs tmux (apt-get install tmux)',
  containerd: () =>
    isProgram('ctr', 'containerd', 'containerd-shim-runc-v2') ||
    'needs containerd and its shim (apt-get install containerd)',
  cni: () => isProgram('/usr/lib/cni/ptp') || 'needs CNI plugins (apt-get install containernetworking-plugins)',
  asciinema: () => isProgram('asciinema') || 'needs asciinema (apt-get install asciinema)',
  conmon: () => isProgram('conmon') || 'needs conmon (apt-get install conmon)',
  chromium: () => isProgram('chromium') || 'needs a browser (apt-get install chromium)',
  disk: () =>
    (existsSync('/dev/loop-control') && isProgram('mkfs.ext4', 'fsfreeze')) ||
    'needs loop devices, mkfs.ext4 and fsfreeze (apt-get install e2fsprogs util-linux)',
  fuse: () => existsSync('/dev/fuse') || 'needs the kernel to have FUSE (/dev/fuse)',
  erofs: () =>
    (isFileSystem('erofs') && isProgram('mkfs.erofs')) ||
    'needs a kernel with erofs, and mkfs.erofs (apt-get install erofs-utils)',
  fusePrograms: () =>
    (existsSync('/dev/fuse') && isProgram('mount.fuse3', 'bindfs', 'squashfuse', 'mksquashfs')) ||
    'needs /dev/fuse and FUSE programs (apt-get install fuse3 bindfs squashfuse squashfs-tools)',
  docker: () => isProgram('dockerd', 'docker') || 'needs a Docker daemon (apt-get install docker.io)',
} satisfies Record<string, () => true | string>;

export type Requirement = keyof typeof checks;

/** For the `skip` option of a test: `test('...', { skip: missing('root', 'runc') }, ...)`. */
export function missing(...requirements: Requirement[]): string | false {
  const reasons = requirements.map((name) => checks[name]()).filter((answer) => answer !== true);
  if (reasons.length === 0) return false;
  if (process.env['STRICT'] === '1') throw new Error(`STRICT=1, but a test ${reasons.join(', ')}`);
  return reasons.join(', ');
}

function isStatus0([program = '', ...args]: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function isFileSystem(name: string): boolean {
  return readFileSync('/proc/filesystems', 'utf8').split(/\s+/).includes(name);
}

function isProgram(...names: string[]): boolean {
  return names.every((name) => spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0);
}
