import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { asTyped } from '../cli/program-name.js';
import { durationFlag, networkFlag } from '../cli/flags.js';

export default class Logs extends BaseCommand {
  static override summary = 'show the log of the node';
  static override description =
    'Asks the node that runs for the lines it keeps (the last 2,000), whatever started it. Where none runs, the log file of the last one in the background is read, or the journal of systemd. With --follow, lines come as they are written until the node ends.';

  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --follow --network home',
    '<%= config.bin %> <%= command.id %> --since 10m --json',
  ];

  static override flags = {
    network: networkFlag,
    follow: Flags.boolean({ char: 'f', description: 'keep on, and show lines as they are written' }),
    since: durationFlag({ description: 'only lines that are not older' }),
  };

  async run(): Promise<object | undefined> {
    const { flags } = await this.parse(Logs);
    const { dateOf, followLogs, readLogs } = await import('../cli/read-logs.js');
    const { prettyLine } = await import('../core/process/log.js');
    const home = this.home();
    const from = flags.since === undefined ? -Infinity : Date.now() - flags.since;
    const isWanted = (line: string): boolean => from === -Infinity || dateOf(line) >= from;
    const colour = process.stdout.isTTY && !process.env['NO_COLOR'];
    const show = (line: string): void => {
      if (this.jsonEnabled()) this.emit({ event: 'log', ...(JSON.parse(line) as object) });
      else process.stdout.write(prettyLine(line, colour, asTyped));
    };
    if (flags.follow) {
      const { interruptible } = await import('../core/process/signals.js');
      const abort = interruptible();
      try {
        await followLogs(
          home,
          flags.network,
          abort.signal,
          (line) => {
            if (isWanted(line)) show(line);
          },
          (count) => {
            this.say(`${count} lines came faster than they were read.`);
          },
        );
      } finally {
        abort.release();
      }
      return undefined;
    }
    const { source, lines } = await readLogs(home, flags.network);
    const wanted = lines.filter(isWanted);
    if (!this.jsonEnabled()) wanted.forEach(show);
    return { source, lines: wanted.map((line) => JSON.parse(line) as object) };
  }
}
