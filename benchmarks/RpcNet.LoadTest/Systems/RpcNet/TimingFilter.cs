using System.Diagnostics;

namespace RpcNet.LoadTest.Systems;

/// <summary>A filter as applications have them: it does something before the call and something after it.</summary>
internal sealed class TimingFilter : IRpcFilter
{
    private long _calls;
    private long _ticks;

    public async ValueTask InvokeAsync(RpcCallContext context, RpcFilterDelegate next)
    {
        var started = Stopwatch.GetTimestamp();
        await next(context);
        Interlocked.Increment(ref _calls);
        Interlocked.Add(ref _ticks, Stopwatch.GetTimestamp() - started);
    }
}
