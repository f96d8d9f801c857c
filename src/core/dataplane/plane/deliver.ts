/** From a packet loop to the plane's owner: what every plane that runs the loop does with its events. */
import { EvioError } from '../../lib/errors.js';
import type { Event } from './messages.js';
import type { PlaneListener } from './plane.js';
import { FlowField, type SharedMemory } from './shared.js';

/**
 * Hands an event of the loop on, and notes what the loop may send more of. Those that only concern threads
 * (`ready`, `learned`) are the plane's own business and are passed over.
 */
export function deliver(listener: PlaneListener, { flow }: SharedMemory, event: Event): void {
  switch (event.type) {
    case 'packet':
      flow[FlowField.eventsDone] = (flow[FlowField.eventsDone] as number) + 1;
      listener.packet(event.bytes, event.origin);
      return;
    case 'control':
      flow[FlowField.eventsDone] = (flow[FlowField.eventsDone] as number) + 1;
      listener.control(event.slot, event.bytes, event.origin);
      return;
    case 'carry':
      flow[FlowField.carryDone] = (flow[FlowField.carryDone] as number) + event.batch.length;
      listener.carry(event.carrier, event.destination, event.batch);
      return;
    case 'confirmed':
      listener.confirmed(event.slot, event.localIndex);
      return;
    case 'wanted':
      listener.wanted(event.slot);
      return;
    case 'stirred':
      listener.stirred(event.slot);
      return;
    case 'conduct':
      listener.conduct(event.slot);
      return;
    case 'unknown':
      listener.unknown(event.mac);
      return;
    case 'stranger':
      listener.stranger(event.slot, event.id);
      return;
    case 'suspect':
      listener.suspect(event.slot, event.reason);
      return;
    case 'roamed':
      listener.roamed(event.slot, event.endpoint);
      return;
    case 'exhausted':
      listener.exhausted(event.slot, event.localIndex);
      return;
    case 'lan-hello':
      listener.lanHello(event.bytes);
      return;
    case 'failed':
      listener.failed(new EvioError('EVIO_DEVICE', event.message, ['restart the node']));
      return;
    case 'ready':
    case 'crowded':
    case 'learned':
      return;
  }
}
