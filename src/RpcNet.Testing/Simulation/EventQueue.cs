using RpcNet.Cluster.Swim;

namespace RpcNet.Testing.Simulation;

/// <summary>What is to happen, by time; first come first served among equals.</summary>
/// <remarks>A heap of four branches that moves 24-byte keys alone; what they stand for lies still beside it.</remarks>
internal sealed class EventQueue
{
    private const int Branches = 4;

    private Key[] _heap = new Key[256];
    private Happening[] _happenings = new Happening[256];
    private int[] _free = new int[256];
    private int _count;
    private int _used;
    private long _order;

    public int Count => _count;

    /// <summary>When the first one happens; <see cref="TimeSpan.MaxValue"/> when nothing does.</summary>
    public TimeSpan NextAt => _count > 0 ? new TimeSpan(_heap[0].At) : TimeSpan.MaxValue;

    public void Add(TimeSpan at, in Happening happening)
    {
        if (_count == _heap.Length)
        {
            Array.Resize(ref _heap, 2 * _count);
            Array.Resize(ref _happenings, 2 * _count);
            Array.Resize(ref _free, 2 * _count);
        }

        // As many slots were given out as there are keys, less those that came back.
        var slot = _used > _count ? _free[_used - _count - 1] : _used++;
        _happenings[slot] = happening;
        var key = new Key(at.Ticks, _order++, slot);
        var place = _count++;
        while (place > 0)
        {
            var parent = (place - 1) / Branches;
            if (!key.IsBefore(_heap[parent]))
            {
                break;
            }

            _heap[place] = _heap[parent];
            place = parent;
        }

        _heap[place] = key;
    }

    public Happening Take()
    {
        var slot = _heap[0].Slot;
        var happening = _happenings[slot];
        _happenings[slot] = default;
        var last = _heap[--_count];
        _free[_used - _count - 1] = slot;
        var place = 0;
        while (true)
        {
            var first = (place * Branches) + 1;
            if (first >= _count)
            {
                break;
            }

            var least = first;
            var end = Math.Min(first + Branches, _count);
            for (var child = first + 1; child < end; child++)
            {
                if (_heap[child].IsBefore(_heap[least]))
                {
                    least = child;
                }
            }

            if (!_heap[least].IsBefore(last))
            {
                break;
            }

            _heap[place] = _heap[least];
            place = least;
        }

        _heap[place] = last;
        return happening;
    }

    private readonly record struct Key(long At, long Order, int Slot)
    {
        public bool IsBefore(in Key other) => At < other.At || (At == other.At && Order < other.Order);
    }
}

/// <summary>The kinds of <see cref="Happening"/>.</summary>
internal enum HappeningKind : byte
{
    Wake,
    Deliver,
    Seeds,
    Action,
}

/// <summary>Something that is to happen.</summary>
/// <param name="Kind">What.</param>
/// <param name="Node">To whom.</param>
/// <param name="Subject">The <see cref="SwimMessage"/> or the <see cref="Action"/>.</param>
/// <param name="Life">Which life of the node it is for.</param>
/// <param name="Due">For a wake-up: the time that was asked for. It is void when another one has been asked for since.</param>
/// <param name="IsDelayed">Whether the node's slowness has been added already.</param>
internal readonly record struct Happening(HappeningKind Kind, SimulatedNode? Node, object? Subject, int Life, TimeSpan Due, bool IsDelayed);
