using RpcNet.FailoverBench;
using RpcNet.FailoverBench.Scenarios;
using RpcNet.FailoverBench.Workers;

if (args is ["worker", .. var rest])
{
    return await WorkerProcess.RunAsync(rest);
}

if (args is [] or ["--help" or "-h"])
{
    Console.WriteLine(Settings.Usage);
    return args.Length == 0 ? 2 : 0;
}

try
{
    return await Scenario.Create(Settings.Parse(args)).RunAsync();
}
catch (UsageException e)
{
    Console.Error.WriteLine($"{e.Message}\n\n{Settings.Usage}");
    return 2;
}
