using System.Runtime.CompilerServices;

namespace RpcNet.Core.Tests.Support;

/// <summary>Waits on conditions, with a generous limit.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task True(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string text = "")
    {
        var until = TimeProvider.System.GetTimestamp() + (long)(Limit.TotalSeconds * TimeProvider.System.TimestampFrequency);
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetTimestamp() < until, $"Still not so: {text}");
            await Task.Delay(1);
        }
    }

    public static Task<T> Soon<T>(ValueTask<T> task) => task.AsTask().WaitAsync(Limit);

    public static Task Soon(ValueTask task) => task.AsTask().WaitAsync(Limit);

    public static Task<T> Soon<T>(Task<T> task) => task.WaitAsync(Limit);

    public static Task Soon(Task task) => task.WaitAsync(Limit);

    public static async Task<RpcFaultException> Fault(ValueTask call) =>
        await Assert.ThrowsAsync<RpcFaultException>(() => Soon(call));

    public static async Task<RpcFaultException> Fault<T>(ValueTask<T> call) =>
        await Assert.ThrowsAsync<RpcFaultException>(() => Soon(call));

    public static async Task<List<T>> All<T>(IAsyncEnumerable<T> items)
    {
        var list = new List<T>();
        using var limit = new CancellationTokenSource(Limit);
        await foreach (var item in items.WithCancellation(limit.Token))
        {
            list.Add(item);
        }

        return list;
    }
}
