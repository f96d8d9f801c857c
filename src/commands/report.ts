import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';

export default class Report extends BaseCommand {
  static override summary = 'gather what a bug report needs into one file';
  static override description =
    'Writes a tar.gz with what doctor, netcheck, status, peers, why, routes and policy tell, the profiles without secrets, the last lines of the log, and the addresses, routes and rules of the kernel. Keys, tokens and invites are taken out, and every piece of them; names, ids and addresses of members stay. Look into it before you send it.';

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --output /tmp/evio.tar.gz --json',
  ];

  static override flags = {
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      description: 'where to write it [default: evio-report-DATE.tar.gz in this folder]',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Report);
    const { makeReport } = await import('../cli/make-report.js');
    const { writeFileSync } = await import('node:fs');
    const { newFileError } = await import('../core/disk/storage-error.js');
    const now = new Date();
    const file = flags.output ?? `evio-report-${now.toISOString().replaceAll(/[:.]/g, '-')}.tar.gz`;
    this.say('This takes some seconds: relays and the router are asked, too.');
    const { bytes, files } = await makeReport(this.home(), this.config.version, now);
    try {
      // Never over something that is there: it may be a link that somebody else put.
      writeFileSync(file, bytes, { mode: 0o600, flag: 'wx' });
    } catch (thrown) {
      throw newFileError(file, thrown, '--output');
    }
    this.print(file);
    return { file, bytes: bytes.length, files };
  }
}
