import { hostname } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { onOthers } from '../cli/program-name.js';
import { keepWishes, pathFlags, wishesOf } from '../cli/path-flags.js';

export default class Init extends BaseCommand {
  static override summary = 'make a network, with this machine as its first member';
  static override description = `Makes the network's root key and this machine's identity and prints a token by which other machines join.

The token admits 10 machines within 24 hours; make others with "evio token create". The root key stays in the state folder of this machine and nowhere else: keep a backup of it. With --relay the relay is asked before anything is stored. Without a relay machines find each other only where they can reach each other's addresses, and become members when they first reach this one, which counts the uses of tokens.`;

  static override examples = [
    '<%= config.bin %> <%= command.id %> home --relay evio://relay.example.org:3478#KEY',
    '<%= config.bin %> <%= command.id %> home --relay relay.example.org:3478',
    '<%= config.bin %> <%= command.id %> lab --cidr 10.20.0.0/24 --ip 10.20.0.1 --node-name gateway',
  ];

  static override args = {
    name: Args.string({ description: 'name of the network', default: 'evio' }),
  };

  static override flags = {
    relay: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'URL|HOST:PORT',
      description:
        'rendezvous server, as "evio relay" printed it; a bare HOST:PORT pins the key that an open relay shows; repeatable',
    }),
    cidr: Flags.string({
      helpValue: 'RANGE',
      description: 'addresses of the network [default: 10.144.0.0/16, or another that is free here]',
    }),
    ip: Flags.string({
      helpValue: 'ADDRESS',
      description: 'address of this machine; derived from its key when left out',
    }),
    mtu: Flags.integer({ helpValue: 'BYTES', description: 'MTU of the interface, bytes [default: 1400]' }),
    approve: Flags.boolean({
      description: 'who joins by the token waits until an admin lets it in, by "evio approve"',
    }),
    right: Flags.string({
      options: ['bridge'],
      description: 'this machine is to bridge a LAN; whatever else there is a right for it may do anyway',
    }),
    ...pathFlags,
    'node-name': Flags.string({
      helpValue: 'NAME',
      description: 'name of this machine [default: its host name]',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Init);
    const { initNetwork, firstToken } = await import('../core/enroll/init.js');
    const { enrollPorts } = await import('../cli/enroll-ports.js');
    const { startCommand } = await import('../cli/start-hint.js');
    const { nodeNameFrom } = await import('../core/identity/names.js');
    const wishes = wishesOf(flags);
    const ports = enrollPorts(this.home(), await this.env(), this.agent(), wishes?.proxy);
    const result = await initNetwork(
      {
        name: args.name,
        nodeName: flags['node-name'] ?? nodeNameFrom(hostname()),
        relays: flags.relay ?? [],
        cidr: flags.cidr,
        ip: flags.ip,
        mtu: flags.mtu,
        approve: flags.approve,
        bridge: flags.right === 'bridge',
      },
      ports,
    );
    const { network, node } = result;
    await keepWishes(ports.store, network.id, wishes);
    this.say(
      `Made the network ${network.name} (${network.id}), ${network.cidr}. This machine is ${node.name}, ${node.ip}.`,
    );
    if (network.relays.length === 0) {
      this.say(
        'It has no relay: machines behind NAT will not find each other. Give it one with: evio network relay add URL',
      );
    }
    this.say(`Start this machine with:      ${await startCommand(this.home())}`);
    this.sayAsIs(`Let other machines join with: ${onOthers(`join ${this.secret(result.token, 'TOKEN')}`)}`);
    this.say(`The token admits ${firstToken.uses} machines until ${result.tokenExpires}:`);
    this.print(result.token);
    return result;
  }
}
