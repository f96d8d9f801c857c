import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { durationFlag, networkFlag } from '../cli/flags.js';
import { shellWord } from '../cli/program-name.js';
import { ExitStatus } from '../core/lib/errors.js';

export default class Ping extends BaseCommand {
  static override summary = 'ping a peer through the overlay';
  static override description =
    'Asks the node of the peer, not its kernel: it answers also where the peer drops ICMP. Exit status 4 when no reply came.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> web-1',
    '<%= config.bin %> <%= command.id %> 10.144.0.7 --count 10 --timeout 2s',
  ];
  static override args = {
    peer: Args.string({ required: true, description: 'name, address, or the beginning of the id' }),
  };
  static override flags = {
    network: networkFlag,
    count: Flags.integer({
      char: 'c',
      default: 4,
      min: 1,
      max: 1000,
      helpValue: 'N',
      description: 'how many',
    }),
    timeout: durationFlag({
      default: 5000,
      defaultHelp: async () => '5s',
      description: 'how long to wait for each reply',
    }),
    interval: durationFlag({ default: 1000, defaultHelp: async () => '1s', description: 'time between two' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Ping);
    const { pingPeer } = await import('../cli/ping-peer.js');
    const { pingSummaryText, replyText } = await import('../views/text/ping.js');
    const report = await pingPeer(this.home(), {
      network: flags.network,
      peer: args.peer,
      count: flags.count,
      timeoutMs: flags.timeout,
      intervalMs: flags.interval,
      onReply: (reply) => {
        this.print(replyText(args.peer, reply));
      },
      onLoss: (seq) => {
        this.print(`no reply from ${args.peer}: seq=${seq}`);
      },
    });
    this.show(pingSummaryText({ ...report, peer: args.peer }));
    if (report.received === 0) {
      this.say(`What was tried, and what to do: evio why ${shellWord(args.peer)}`);
      process.exitCode = ExitStatus.unreachable;
    }
    return report;
  }
}
