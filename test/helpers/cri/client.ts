/** A client of the Container Runtime Interface, such as kubelet. */
import { type Client, type ServiceError, credentials, loadPackageDefinition, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { join } from 'node:path';
import { packageRoot } from '../../../src/package.js';

/** What the calls answer, as far as the tests read it; 64-bit numbers are strings. */
export interface Answers {
  Version: { runtimeName: string; runtimeVersion: string };
  Status: { runtimeHandlers: { name: string; features: Features | null }[] };
  RunPodSandbox: { podSandboxId: string };
  StopPodSandbox: object;
  RemovePodSandbox: object;
  PodSandboxStatus: { status: { state: string } };
  ListPodSandbox: { items: { id: string; state: string }[] };
  CreateContainer: { containerId: string };
  StartContainer: object;
  StopContainer: object;
  RemoveContainer: object;
  ListContainers: { containers: { id: string; state: string }[] };
  ContainerStatus: { status: ContainerStatus };
  UpdateContainerResources: object;
  ReopenContainerLog: object;
  ExecSync: { stdout: Buffer; stderr: Buffer; exitCode: number };
  Exec: { url: string };
  Attach: { url: string };
  ContainerStats: { stats: object };
  PodSandboxStats: { stats: object };
  ImageStatus: { image: { id: string } | null };
}

export interface Features {
  recursiveReadOnlyMounts: boolean;
  userNamespaces: boolean;
}

export interface ContainerStatus {
  state: string;
  exitCode: number;
  reason: string;
  message: string;
}

export interface CriClient {
  /** Throws a CriError. Without an answer for a minute the call has failed. */
  call<Method extends keyof Answers>(method: Method, request: object): Promise<Answers[Method]>;
  close(): void;
}

/** What the runtime refused. */
export class CriError extends Error {
  /** Such as `NOT_FOUND`. */
  readonly code: string;

  constructor({ code, details }: ServiceError) {
    super(details);
    this.code = status[code] ?? String(code);
  }
}

type Call = (request: object, options: object, done: (error: ServiceError | null, answer: unknown) => void) => void;

export function openCri(address: string): CriClient {
  const definition = loadPackageDefinition(
    loadSync(join(packageRoot, 'test/helpers/cri/cri.proto'), { defaults: true, enums: String, longs: String }),
  ) as unknown as { runtime: { v1: Record<'RuntimeService' | 'ImageService', typeof Client> } };
  const { RuntimeService, ImageService } = definition.runtime.v1;
  const target = `unix:${address}`;
  // containerd is killed in some tests: what comes back is to be found at once.
  const options = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 200 };
  const runtime = new RuntimeService(target, credentials.createInsecure(), options);
  const images = new ImageService(target, credentials.createInsecure(), options);
  return {
    call(method, request) {
      const service = method === 'ImageStatus' ? images : runtime;
      const call = (service as unknown as Record<string, Call>)[method];
      return new Promise((resolve, reject) => {
        call?.call(service, request, { deadline: Date.now() + 60_000 }, (error, answer) =>
          error === null ? resolve(answer as Answers[typeof method]) : reject(new CriError(error)),
        );
      });
    },
    close() {
      runtime.close();
      images.close();
    },
  };
}
