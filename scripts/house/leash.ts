// Loaded into every service of a local house: when the program that started it is gone, even by SIGKILL, it stops too.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
