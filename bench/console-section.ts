/** The copying of consoles, beside other copiers and the bare C limit. */
import { builtProgram } from './child.js';
import { conmonPeer } from './conmon-peer.js';
import type { Peer } from './peer.js';
import { anywhere, onOneCpu } from './placement.js';
import { measureBusy } from './rows/busy.js';
import { measureCrowd } from './rows/crowd.js';
import { measureEcho } from './rows/echo.js';
import { measureFlood } from './rows/flood.js';
import { measureTail } from './rows/tail.js';
import type { Section } from './section.js';
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
