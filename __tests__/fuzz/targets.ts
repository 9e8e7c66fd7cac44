/** All targets by name. */
import type { Target } from './target';
import { frame } from './targets/frame';
import { hello } from './targets/hello';
import { log } from './targets/log';
import { message } from './targets/message';
import { paths } from './targets/paths';
import { session } from './targets/session';
import { snapshot } from './targets/snapshot';
import { update } from './targets/update';

export const targets: Readonly<Record<string, Target>> = { frame, hello, message, snapshot, log, update, session, paths };
