using Microsoft.Extensions.Logging;
using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Filters;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Filters;

/// <summary>Filters in their one shape, around all four kinds on both sides (docs/filters.md shows the same code).</summary>
public sealed class LoggingAndAuthFilterTests
{
    private static readonly (string Method, Func<IProbe, Task> Call)[] Kinds =
    [
        ("Add", async c => await c.AddAsync(1, 2)),
        ("Range", async c => await Eventually.All(c.RangeAsync(1, 2))),
        ("Sum", async c => await c.SumAsync(AsyncEnumerable.Range(0, 3))),
        ("Scale", async c => await Eventually.All(c.ScaleAsync(2, AsyncEnumerable.Range(0, 3)))),
    ];

    [Fact]
    public async Task Logging_EveryKindOnBothSides_IsLoggedWithItsOutcome()
    {
        var log = new LogRecorder();
        var filter = new RpcLoggingFilter(new Logger<RpcLoggingFilter>(log));
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { Filters = [filter] }, o => new RpcChannelOptions { EndPoint = o.EndPoint, Tls = o.Tls, Filters = [filter] });
        foreach (var (_, call) in Kinds)
        {
            await Eventually.Soon(call(fixture.Client));
        }

        await Eventually.Fault(fixture.Client.FailAsync((int)RpcStatusCode.NotFound, "no such row", []));
        await Eventually.True(() => log.Entries.Count(static e => e.EventId is 1050 or 1051) == 10);
        foreach (var (method, _) in Kinds)
        {
            foreach (var side in new[] { "Client", "Server" })
            {
                Assert.Single(log.Entries, e => e.EventId == 1050 && e.Text.StartsWith($"{side} tests.v1.Probe/{method}, peer 10.", StringComparison.Ordinal));
            }
        }

        Assert.Equal(2, log.Entries.Count(static e => e.EventId == 1051 && e.Level == LogLevel.Warning && e.Text.Contains("NotFound") && e.Text.EndsWith("no such row", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Auth_WithoutTheToken_NoKindReachesItsHandler_WithIt_AllDo()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Filters = [new BearerCheck("s3cret")] });
        foreach (var (_, call) in Kinds)
        {
            var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(call(fixture.Client)));
            Assert.Equal(RpcStatusCode.Unauthenticated, fault.Status);
        }

        Assert.Equal(0, fixture.Service.Started);
        var channel = fixture.CreateChannel(o => new RpcChannelOptions { EndPoint = o.EndPoint, Tls = o.Tls, Filters = [new BearerToken("s3cret")] });
        var client = channel.CreateClient<IProbe>();
        foreach (var (_, call) in Kinds)
        {
            await Eventually.Soon(call(client));
        }
    }

    private sealed class BearerToken(string token) : IRpcFilter
    {
        public ValueTask InvokeAsync(RpcCallContext context, RpcFilterDelegate next)
        {
            context.RequestMetadata.Add("authorization", $"Bearer {token}");
            return next(context);
        }
    }

    private sealed class BearerCheck(string token) : IRpcFilter
    {
        public ValueTask InvokeAsync(RpcCallContext context, RpcFilterDelegate next) =>
            context.RequestMetadata["authorization"] == $"Bearer {token}"
                ? next(context)
                : throw new RpcFaultException(RpcStatusCode.Unauthenticated, "The call needs a bearer token.");
    }
}
