/** The copying of consoles, beside other copiers and the bare C limit. */
import { anywhere, builtProgram, onOneCpu } from '../harness/child.js';
import { conmonPeer, nodeCommand, socketPeer } from './peers.js';
import type { Peer, Section } from '../harness/rounds.js';
import { measureBusy, measureCrowd, measureEcho, measureFlood, measureTail } from './rows.js';

const limit = 'limit (C)';
const oneCpu = ', one CPU';

export function consoleSection(): Section {
  const peers = listPeers();
  return {
    limit,
    peers,
    rows: {
      echo: (run) => measureEcho({ peers, ...run }, anywhere, ''),
      'echo-one-cpu': (run) => onOneCpu((placement) => measureEcho({ peers, ...run }, placement, oneCpu)),
      flood: (run) => measureFlood({ peers, ...run }, anywhere, ''),
      'flood-one-cpu': (run) => onOneCpu((placement) => measureFlood({ peers, ...run }, placement, oneCpu)),
      busy: (run) => measureBusy({ peers, ...run }),
      tail: (run) => measureTail({ peers, ...run }),
      crowd: (run) => measureCrowd({ peers, ...run }),
    },
  };
}

/** conmon only where it is installed. */
function listPeers(): Peer[] {
  const peers = [
    socketPeer(limit, [builtProgram('limit')]),
    socketPeer('termshim', nodeCommand('termshim')),
    socketPeer('termshim session', nodeCommand('termshim-session')),
    socketPeer('npm epoll', nodeCommand('npm-epoll')),
    socketPeer('Node streams', nodeCommand('node-streams')),
  ];
  const conmon = conmonPeer();
  return conmon === undefined ? peers : [...peers, conmon];
}
