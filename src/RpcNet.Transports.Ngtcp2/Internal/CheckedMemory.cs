using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// The allocator of one connection in libngtcp2 while <see cref="NativeChecks"/> are on. It finds blocks freed twice or
/// never, writes past a block's ends and writes to freed blocks, which stay poisoned for a while before they are used again.
/// </summary>
internal sealed unsafe class CheckedMemory
{
    private const ulong Live = 0x4c49_5645_4c49_5645;
    private const ulong Dead = 0x4445_4144_4445_4144;
    private const byte Poison = 0xdd;
    private const byte Guard = 0xfd;
    private const int GuardLength = 16;
    private const int Kept = 64;

    private readonly NgMemory* _table;
    private readonly Queue<nint> _quarantine = new();
    private readonly GCHandle _self;
    private long _blocks;

    private struct Header
    {
        public ulong State;
        public nuint Size;
        public nint Owner;
        public ulong Guard;
    }

    public CheckedMemory()
    {
        _self = GCHandle.Alloc(this);
        _table = (NgMemory*)NativeMemory.Alloc((nuint)sizeof(NgMemory));
        _table->UserData = GCHandle.ToIntPtr(_self);
        _table->Malloc = (nint)(delegate* unmanaged[Cdecl]<nuint, nint, void*>)&Malloc;
        _table->Free = (nint)(delegate* unmanaged[Cdecl]<void*, nint, void>)&Free;
        _table->Calloc = (nint)(delegate* unmanaged[Cdecl]<nuint, nuint, nint, void*>)&Calloc;
        _table->Realloc = (nint)(delegate* unmanaged[Cdecl]<void*, nuint, nint, void*>)&Realloc;
    }

    /// <summary>What libngtcp2 takes as its allocator.</summary>
    public nint Table => (nint)_table;

    /// <summary>Blocks allocated and not freed.</summary>
    public long Blocks => _blocks;

    /// <summary>To be called once the connection is deleted: everything must have come back.</summary>
    public void Close()
    {
        if (_blocks != 0)
        {
            NativeChecks.Fail($"{_blocks} blocks of a connection were never freed");
        }

        while (_quarantine.TryDequeue(out var block))
        {
            Release((Header*)block);
        }

        NativeMemory.Free(_table);
        _self.Free();
    }

    public void* Take(nuint size)
    {
        var block = (Header*)NativeMemory.Alloc((nuint)sizeof(Header) + size + GuardLength);
        if (block is null)
        {
            return null;
        }

        *block = new Header { State = Live, Size = size, Owner = GCHandle.ToIntPtr(_self), Guard = Live };
        var data = (byte*)(block + 1);

        // Whoever reads what was never written shall notice.
        NativeMemory.Fill(data, size, Poison);
        NativeMemory.Fill(data + size, GuardLength, Guard);
        _blocks++;
        return data;
    }

    public void Give(void* pointer)
    {
        if (pointer is null)
        {
            return;
        }

        var block = (Header*)pointer - 1;
        if (block->State != Live)
        {
            NativeChecks.Fail(block->State == Dead ? "a block was freed twice" : "a block was freed that was never allocated, or its head was overwritten");
        }

        if (block->Owner != GCHandle.ToIntPtr(_self))
        {
            NativeChecks.Fail("a block was freed by another connection than its own");
        }

        if (block->Guard != Live || new ReadOnlySpan<byte>((byte*)pointer + block->Size, GuardLength).ContainsAnyExcept(Guard))
        {
            NativeChecks.Fail($"a block of {block->Size} bytes was written past its end or before its start");
        }

        block->State = Dead;
        NativeMemory.Fill(pointer, block->Size, Poison);
        _blocks--;
        _quarantine.Enqueue((nint)block);
        if (_quarantine.Count > Kept)
        {
            Release((Header*)_quarantine.Dequeue());
        }
    }

    private static void Release(Header* block)
    {
        if (block->State != Dead || new ReadOnlySpan<byte>(block + 1, (int)block->Size).ContainsAnyExcept(Poison))
        {
            NativeChecks.Fail($"a block of {block->Size} bytes was written to after it was freed");
        }

        NativeMemory.Free(block);
    }

    private static CheckedMemory Of(nint userData) => (CheckedMemory)GCHandle.FromIntPtr(userData).Target!;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* Malloc(nuint size, nint userData) => Of(userData).Take(size);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(void* pointer, nint userData) => Of(userData).Give(pointer);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* Calloc(nuint count, nuint size, nint userData)
    {
        var result = Of(userData).Take(count * size);
        NativeMemory.Clear(result, count * size);
        return result;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* Realloc(void* pointer, nuint size, nint userData)
    {
        var memory = Of(userData);
        var result = memory.Take(size);
        if (pointer is not null)
        {
            Unsafe.CopyBlockUnaligned(result, pointer, (uint)Math.Min(size, ((Header*)pointer - 1)->Size));
            memory.Give(pointer);
        }

        return result;
    }
}
