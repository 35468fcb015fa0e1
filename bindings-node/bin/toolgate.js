#!/usr/bin/env node
'use strict';
// The `toolgate` command. It writes by itself: here nothing touches stdout, which would change how the pipe behaves.

const { command } = require('../lib/native.js');

process.exitCode = command(['toolgate', ...process.argv.slice(2)]);
