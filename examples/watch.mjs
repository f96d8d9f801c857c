// @ts-check
// Follows the node of this machine: node watch.mjs
import { connectControl } from 'evio';

const control = await connectControl();
for (const { id, name } of await control.networks()) {
  const { node, peerCount } = await control.status(id);
  console.log(`${name}: ${node.name} ${node.ip}, ${peerCount} peers`);
  for (const peer of await control.peers(id)) console.log(`  ${peer.name} ${peer.path?.kind ?? peer.state}`);
}
for await (const event of control.events()) {
  if (event.event === 'peer-lost') console.log(`${event.name} is gone`);
  if (event.event === 'peer-connected') console.log(`${event.name} is here`);
  if (event.event === 'stopped') break;
}
control.close();
