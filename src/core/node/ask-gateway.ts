/** One gateway at a time, asked through sockets that are opened for it. */
import type { GatewayNews, GatewayWay } from '../surroundings/router-port.js';
import type { EnginePorts, GatewayPort } from './ports.js';

/** @param heard gets what the gateway answers, on the control thread */
export function askGateway(
  open: NonNullable<EnginePorts['gateway']>,
  heard: (news: GatewayNews) => void,
): GatewayWay {
  let socket: GatewayPort | undefined;
  return {
    open: (gateway, source) => {
      void socket?.close();
      socket = open(gateway, source, heard);
    },
    send: (question) => {
      socket?.send(question);
    },
    search: (question) => {
      socket?.search(question);
    },
    request: (request) => {
      socket?.request(request);
    },
    close: async () => {
      const last = socket;
      socket = undefined;
      await last?.close();
    },
  };
}
