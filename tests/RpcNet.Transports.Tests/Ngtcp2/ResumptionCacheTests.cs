using System.Net;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class ResumptionCacheTests
{
    [Fact]
    public void Take_EachItem_IsGivenOnceNewestFirst()
    {
        var cache = new ResumptionCache(2);
        cache.AddTicket(Key(1), new ResumptionTicket([1], Early: null));
        cache.AddTicket(Key(1), new ResumptionTicket([2], Early: null));
        cache.AddToken(Key(1), [9]);

        var first = cache.Take(Key(1));
        var second = cache.Take(Key(1));
        var third = cache.Take(Key(1));

        Assert.Equal([2], first.Ticket!.Session);
        Assert.Equal([9], first.Token!);
        Assert.Equal([1], second.Ticket!.Session);
        Assert.Null(second.Token);
        Assert.Null(third.Ticket);
        Assert.Equal(0, cache.Count);
    }

    [Fact]
    public void Add_PastTheBound_ForgetsTheServerUsedLongestAgo()
    {
        var cache = new ResumptionCache(2);
        cache.AddTicket(Key(1), new ResumptionTicket([1], Early: null));
        cache.AddTicket(Key(2), new ResumptionTicket([2], Early: null));
        cache.AddToken(Key(1), [1]);
        cache.AddTicket(Key(3), new ResumptionTicket([3], Early: null));

        Assert.Equal(2, cache.Count);
        Assert.Null(cache.Take(Key(2)).Ticket);
        Assert.NotNull(cache.Take(Key(1)).Ticket);
        Assert.NotNull(cache.Take(Key(3)).Ticket);
    }

    [Fact]
    public void Add_ManyOfOneServer_KeepsTheNewestFour()
    {
        var cache = new ResumptionCache(1);
        for (byte i = 0; i < 10; i++)
        {
            cache.AddTicket(Key(1), new ResumptionTicket([i], Early: null));
        }

        Assert.Equal([9, 8, 7, 6], Enumerable.Range(0, 4).Select(_ => cache.Take(Key(1)).Ticket!.Session[0]));
        Assert.Null(cache.Take(Key(1)).Ticket);
    }

    [Fact]
    public void Add_CapacityZero_KeepsNothing()
    {
        var cache = new ResumptionCache(0);
        cache.AddTicket(Key(1), new ResumptionTicket([1], Early: null));

        Assert.False(cache.IsEnabled);
        Assert.Null(cache.Take(Key(1)).Ticket);
    }

    [Fact]
    public void Key_OtherNameAlpnOrIdentity_IsAnotherServer()
    {
        var remote = new IPEndPoint(IPAddress.Loopback, 1);
        var options = Ngtcp2Pair.ConnectOptions(remote);
        var key = ResumptionKey.For(options, remote, "a", TestCertificates.Shared.Client);

        Assert.Equal(key, ResumptionKey.For(Ngtcp2Pair.ConnectOptions(remote), remote, "a", TestCertificates.Shared.Client));
        Assert.NotEqual(key, ResumptionKey.For(options, remote, "b", TestCertificates.Shared.Client));
        Assert.NotEqual(key, ResumptionKey.For(options, remote, "a", null));
        Assert.NotEqual(key, ResumptionKey.For(options, new IPEndPoint(IPAddress.Loopback, 2), "a", TestCertificates.Shared.Client));
    }

    private static ResumptionKey Key(int port) => new(new IPEndPoint(IPAddress.Loopback, port), "host", "alpn", null);
}
