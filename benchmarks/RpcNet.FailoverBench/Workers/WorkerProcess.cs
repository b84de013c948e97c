using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace RpcNet.FailoverBench.Workers;

/// <summary>The program as a worker: a member that serves <see cref="IWork"/> until it is stopped or its parent is gone.</summary>
internal static class WorkerProcess
{
    /// <param name="args">label, address, seed, folder, milliseconds of work, seconds of drain.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        var (label, address, seed, folder) = (args[0], args[1], args[2], args[3]);
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = Environments.Development });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["RpcNet:Listen:Address"] = address,
            ["RpcNet:Cluster:Seeds:0"] = seed,
            ["RpcNet:Cluster:Tags:role"] = "worker",
            ["RpcNet:Cluster:Tags:label"] = label,
            ["RpcNet:Certificates:DevelopmentDirectory"] = Path.Combine(folder, "certs"),
            ["RpcNet:Server:DrainTimeout"] = TimeSpan.FromSeconds(double.Parse(args[5], CultureInfo.InvariantCulture)).ToString("c"),
        });
        builder.Configuration.AddEnvironmentVariables();
        builder.Logging.AddSimpleConsole(o => o.SingleLine = true).AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.AddSingleton(new WorkSettings(label, TimeSpan.FromMilliseconds(int.Parse(args[4], CultureInfo.InvariantCulture))));
        builder.Services.AddSingleton(new Ledger(Path.Combine(folder, $"{label}.ledger")));
        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet"))
            .AddService<IWork, WorkService>()
            .AddCluster();
        var host = builder.Build();
        _ = EndWithParentAsync();
        return await RpcNetHost.RunAsync(host);
    }

    /// <summary>The parent never writes: the end of the input is the end of the parent.</summary>
    private static async Task EndWithParentAsync()
    {
        await Console.OpenStandardInput().CopyToAsync(Stream.Null);
        Environment.Exit(3);
    }
}
