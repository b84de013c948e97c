using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;

namespace RpcNet.Hosting.Tests.Hosts;

public sealed class CompressionTests
{
    [Theory(Timeout = 60_000)]
    [InlineData("Brotli", "Brotli", true)]
    [InlineData("None", "Brotli", false)]
    [InlineData("Brotli", "None", false)]
    public async Task Compression_Configured_IsUsedBetweenSidesThatBothHaveIt(string ofServer, string ofClient, bool used)
    {
        const string Key = "RpcNet:Compression:Algorithm";
        var token = TestContext.Current.CancellationToken;
        var network = new InMemoryNetwork();
        await using var server = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Services.AddScoped<CallScope>();
                builder.Services.AddRpcNet().AddService<IGreeter, Greeter>();
            },
            new RpcTestHostOptions { Network = network, Settings = { [Key] = ofServer } },
            token);
        await using var client = await RpcTestHost.StartAsync(
            builder => builder.Services.AddRpcClient<IGreeter>(o => o.Address = server.EndPoint!.ToString()),
            new RpcTestHostOptions { Network = network, Settings = { [Key] = ofClient } },
            token);
        long saved = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Name == "rpcnet.compression.savings")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref saved, value));
        listener.Start();

        var name = new string('a', 10_000);
        Assert.Equal($"Hello {name}", await client.Services.GetRequiredService<IGreeter>().GreetAsync(name, token));

        // Both the request and the response shrink to next to nothing.
        Assert.InRange(Interlocked.Read(ref saved), used ? 19_000 : 0, used ? 20_100 : 0);
    }
}
