/** The copying of consoles, beside other copiers and the bare C limit. */
import { builtProgram } from '../harness/child.js';
import { conmonPeer } from './conmon-peer.js';
import type { Peer } from '../harness/peer.js';
import { anywhere, onOneCpu } from '../harness/placement.js';
import { measureBusy } from './busy.js';
import { measureCrowd } from './crowd.js';
import { measureEcho } from './echo.js';
import { measureFlood } from './flood.js';
import { measureTail } from './tail.js';
import type { Section } from '../harness/section.js';
import { nodeCommand, socketPeer } from './socket-peer.js';

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
