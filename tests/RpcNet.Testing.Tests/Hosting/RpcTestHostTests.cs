using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RpcNet.Testing.Tests.Support;

namespace RpcNet.Testing.Tests.Hosting;

/// <summary>docs/testing.md shows this code.</summary>
public sealed class RpcTestHostTests
{
    // snippet: host
    [Fact]
    public async Task Echo_WithItsWorkReplaced_AnswersAtOnce()
    {
        await using var host = await RpcTestHost.StartAsync(Configure, new RpcTestHostOptions
        {
            ConfigureServices = services => services.AddScoped<EchoWork, NoWork>(),
        });
        var echo = host.CreateClient<IEcho>();
        Assert.Equal("hello", await echo.EchoAsync("hello"));
    }

    // What the application's Program does with its builder.
    private static void Configure(HostApplicationBuilder builder)
    {
        builder.Services.AddScoped<EchoWork>();
        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet")).AddService<IEcho, SlowEcho>();
    }

    // end snippet
    private sealed class NoWork(TimeProvider time) : EchoWork(time)
    {
        public override Task DoAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
