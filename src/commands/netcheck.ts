import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';

export default class Netcheck extends BaseCommand {
  static override summary = 'tell what the network around this machine lets through';
  static override description =
    'Asks the relays of the networks here, or those given, and the router: UDP, round trips, how the NAT maps and filters (words of RFC 4787), whether it turns packets back, port mapping, IPv6, MTU, and signs of proxies. Needs no network joined, no privilege and no running node, and changes nothing.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --relay relay.example.org:3478 --json',
  ];

  static override flags = {
    relay: Flags.string({
      multiple: true,
      helpValue: 'URL|HOST:PORT',
      description: 'relay to ask [default: those of the networks here]; repeatable',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Netcheck);
    const { netcheck } = await import('../core/doctor/netcheck.js');
    const { netcheckText } = await import('../views/text/netcheck.js');
    const report = await netcheck(this.home(), flags.relay ?? []);
    this.show(netcheckText(report));
    return report;
  }
}
