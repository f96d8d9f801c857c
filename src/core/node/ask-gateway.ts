/** One gateway at a time, asked through a socket that is opened for it. */
import type { PortMappingPorts } from '../surroundings/port-mapping.js';
import type { EnginePorts, GatewayPort } from './ports.js';

/** @param heard gets what the gateway answers, on the control thread */
export function askGateway(
  open: NonNullable<EnginePorts['gateway']>,
  heard: (bytes: Uint8Array) => void,
): Pick<PortMappingPorts, 'open' | 'send' | 'close'> {
  let socket: GatewayPort | undefined;
  return {
    open: (gateway, source) => {
      socket?.close();
      socket = open(gateway, source, heard);
    },
    send: (question) => {
      socket?.send(question);
    },
    close: () => {
      socket?.close();
      socket = undefined;
    },
  };
}
