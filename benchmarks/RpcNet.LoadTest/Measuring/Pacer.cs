using System.Diagnostics;

namespace RpcNet.LoadTest.Measuring;

/// <summary>Holds a stream of messages to a rate; 0 holds nothing back.</summary>
internal sealed class Pacer(int messageBytes, long bytesPerSecond)
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _sent;

    /// <summary>Completes when the next message may be sent.</summary>
    public ValueTask NextAsync()
    {
        if (bytesPerSecond == 0)
        {
            return ValueTask.CompletedTask;
        }

        var ahead = TimeSpan.FromSeconds((double)_sent / bytesPerSecond) - Stopwatch.GetElapsedTime(_started);
        _sent += messageBytes;
        return ahead > TimeSpan.FromMilliseconds(1) ? new ValueTask(Task.Delay(ahead)) : ValueTask.CompletedTask;
    }
}
