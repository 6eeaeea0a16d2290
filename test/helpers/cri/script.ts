/** The steps of a CRI test and the answers to them, without the parts that differ from run to run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Testbed } from '../e2e/testbed.js';
import type { Transcript } from '../shim/transcript.js';
import { waitFor } from '../base/wait-for.js';
import { type Answers, type ContainerStatus, CriError } from './client.js';
import type { Handler } from './configuration.js';
import type { Kubelet, PodConfig } from './kubelet.js';
import { type Streams, openStreams } from './streams.js';

export interface Pod {
  id: string;
  config: PodConfig;
}

export interface CriScript {
  readonly transcript: Transcript;
  /** Anything that is to be compared. */
  note(step: string, text: string): void;
  /** One call, whose answer or refusal is noted. */
  call<Method extends keyof Answers>(
    step: string,
    method: Method,
    request: object,
  ): Promise<Answers[Method] | undefined>;
  /** A pod of the runtime. Its id is `POD0` and so on in what is noted. */
  runPod(namespaces?: object): Promise<Pod>;
  /** A container that is not started, whose command is a shell's script. Its log is `<name>.log`, its id in notes its name. */
  create(pod: Pod, name: string, script: string, more?: object): Promise<string>;
  /** The same, started. */
  run(pod: Pod, name: string, script: string, more?: object): Promise<string>;
  /** One ExecSync of a shell's script. */
  exec(step: string, containerId: string, script: string, timeoutSeconds?: number): Promise<string>;
  /** The status of a container, once it has ended. */
  ended(step: string, containerId: string): Promise<ContainerStatus>;
  status(containerId: string): Promise<ContainerStatus>;
  /** Streams to a new process, or to the container itself if there is no command. */
  open(containerId: string, options: { cmd?: string[]; tty?: boolean; stdin?: boolean }): Promise<Streams>;
  /** A container's log, once it has the text. */
  log(step: string, name: string, text: string): Promise<void>;
}

export function openCriScript(testbed: Testbed, kubelet: Kubelet, runtimeHandler: Handler): CriScript {
  const transcript: Transcript = new Map();
  const names = new Map<string, string>();
  const adopt = (id: string, name: string): string => {
    testbed.adoptId(id);
    names.set(id, name);
    return id;
  };
  const note: CriScript['note'] = (step, text) => {
    let same = text.replaceAll(testbed.directory, 'STAGE');
    for (const [id, name] of names) same = same.replaceAll(id, name);
    transcript.set(step, same.replaceAll(changing, 'X').trimEnd().split(/\r*\n/));
  };
  const call: CriScript['call'] = async (step, method, request) => {
    try {
      const answer = await kubelet.call(method, request);
      note(step, JSON.stringify(answer, undefined, 1));
      return answer;
    } catch (error) {
      if (!(error instanceof CriError)) throw error;
      note(step, `${error.code}: ${error.message}`);
      return undefined;
    }
  };
  let pods = 0;
  const script: CriScript = {
    transcript,
    note,
    call,
    async runPod(namespaces) {
      const config = kubelet.newPod(namespaces);
      const { podSandboxId } = await kubelet.call('RunPodSandbox', { config, runtimeHandler });
      return { id: adopt(podSandboxId, `POD${pods++}`), config };
    },
    async create(pod, name, text, more = {}) {
      const config = {
        metadata: { name },
        image: { image: kubelet.image },
        command: ['/bin/sh', '-c', text],
        logPath: `${name}.log`,
        ...more,
      };
      const request = { podSandboxId: pod.id, sandboxConfig: pod.config, config };
      return adopt((await kubelet.call('CreateContainer', request)).containerId, name);
    },
    async run(pod, name, text, more) {
      const containerId = await script.create(pod, name, text, more);
      await kubelet.call('StartContainer', { containerId });
      return containerId;
    },
    async exec(step, containerId, text, timeout = 10) {
      const answer = await call(step, 'ExecSync', { containerId, cmd: ['/bin/sh', '-c', text], timeout });
      if (answer === undefined) return '';
      note(step, `${String(answer.stdout)}\nstderr: ${String(answer.stderr)}\nstatus ${answer.exitCode}`);
      return String(answer.stdout);
    },
    async ended(step, containerId) {
      const find = async (): Promise<ContainerStatus | false> => {
        const status = await script.status(containerId);
        return status.state === 'CONTAINER_EXITED' && status;
      };
      const status = await waitFor(find, `the end of ${names.get(containerId)}`, 20_000);
      note(step, JSON.stringify(status, undefined, 1));
      return status;
    },
    status: async (containerId) => (await kubelet.call('ContainerStatus', { containerId })).status,
    async open(containerId, { cmd, tty = false, stdin = true }) {
      const request = { containerId, tty, stdin, stdout: true, stderr: !tty };
      const { url } = await (cmd === undefined
        ? kubelet.call('Attach', request)
        : kubelet.call('Exec', { ...request, cmd }));
      return openStreams(url);
    },
    async log(step, name, text) {
      const find = (): string | false => {
        const written = readFileSync(join(kubelet.logs, `${name}.log`), 'utf8');
        const whole = written.slice(0, written.lastIndexOf('\n') + 1);
        return whole.includes(text) && whole;
      };
      note(step, byStream(await waitFor(find, `${text} in the log of ${name}`)));
    },
  };
  return script;
}

/** The lines of a log, those of stdout first: in which order two streams are read nobody promises. */
export function byStream(log: string): string {
  const lines = log.split('\n');
  const isError = (line: string): boolean => line.split(' ')[1] === 'stderr';
  return [...lines.filter((line) => !isError(line)), ...lines.filter(isError)].join('\n');
}

/**
 * What differs from run to run: names of runtimes and of exec processes, times, pids, and figures that are not 0. The
 * count of major page faults may be 0 or not: it depends on which pages of the program the host has in its cache.
 */
const changing = new RegExp(
  [
    '(?<="runtimeHandler": ")[a-z]+',
    '\\b[0-9a-f]{64}\\b',
    '\\d{4}-\\d\\d-\\d\\dT[\\d:.]+(?:Z|[+-]\\d\\d:\\d\\d)',
    '\\b1\\d{18}\\b',
    '(?<="value": ")[1-9]\\d*',
    '(?<="majorPageFaults": \\{\\s*"value": ")0',
    '^ *\\d+(?= +0 )',
  ].join('|'),
  'gm',
);
