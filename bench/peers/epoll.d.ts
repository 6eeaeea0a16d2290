/** The part of npm `epoll` 4.0.2 that the benchmark uses; the package has no types. */
declare module 'epoll' {
  interface Epoll {
    add(fd: number, events: number): Epoll;
    modify(fd: number, events: number): Epoll;
    remove(fd: number): Epoll;
  }
  interface EpollConstructor {
    new (callback: (error: Error | null, fd: number, events: number) => void): Epoll;
    readonly EPOLLIN: number;
    readonly EPOLLOUT: number;
    readonly EPOLLERR: number;
    readonly EPOLLHUP: number;
    readonly EPOLLET: number;
  }
  const module: { Epoll: EpollConstructor };
  export default module;
}
