using RpcNet.Simulator;

return CommandLine.TryParse(args, out var command, out var error)
    ? Runner.Run(command)
    : CommandLine.Explain(error);
