using System.Diagnostics;
using RpcNet.LoadTest.Measuring;
using RpcNet.Transports;

namespace RpcNet.LoadTest.Systems;

/// <summary>Keeps a number of frames outstanding on one echoed stream.</summary>
internal sealed class BareEchoLoop
{
    private readonly ITransportStream _stream;
    private readonly Workload _workload;
    private readonly SemaphoreSlim _returned;
    private readonly byte[] _frames;
    private readonly long[] _starts;
    private readonly int _frameBytes;
    private int _free;
    private long _written;
    private bool _ended;

    public BareEchoLoop(ITransportStream stream, int frameBytes, int outstanding, Workload workload)
    {
        _stream = stream;
        _frameBytes = frameBytes;
        _workload = workload;
        _free = outstanding;
        _starts = new long[outstanding];
        _returned = new SemaphoreSlim(0);
        _frames = new byte[Math.Max(frameBytes, BareProtocol.BufferBytes / frameBytes * frameBytes)];
    }

    public async Task RunAsync()
    {
        var reading = Task.Run(ReadAsync);
        var perWrite = _frames.Length / _frameBytes;
        while (!_workload.Stopped && !Volatile.Read(ref _ended))
        {
            var free = Interlocked.Exchange(ref _free, 0);
            if (free == 0)
            {
                await _returned.WaitAsync();
                continue;
            }

            while (free > 0)
            {
                var count = Math.Min(free, perWrite);
                var now = Stopwatch.GetTimestamp();
                for (var i = 0; i < count; i++)
                {
                    _starts[_written++ % _starts.Length] = now;
                }

                await _stream.WriteAsync(_frames.AsMemory(0, count * _frameBytes), endStream: false);
                free -= count;
            }
        }

        await _stream.WriteAsync(default, endStream: true);
        await reading;
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[BareProtocol.BufferBytes];
        var bytes = 0L;
        var frames = 0L;
        try
        {
            int read;
            while ((read = await _stream.ReadAsync(buffer)) > 0)
            {
                bytes += read;
                var complete = bytes / _frameBytes;
                if (complete == frames)
                {
                    continue;
                }

                var returned = (int)(complete - frames);
                for (; frames < complete; frames++)
                {
                    _workload.Completed(_starts[frames % _starts.Length]);
                }

                if (Interlocked.Add(ref _free, returned) == returned)
                {
                    _returned.Release();
                }
            }
        }
        catch (TransportException e)
        {
            _workload.Failed(e);
        }
        finally
        {
            Volatile.Write(ref _ended, true);
            _returned.Release();
        }
    }
}
